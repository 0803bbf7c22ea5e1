-- The control plane: what keys are bound to and rated by, groups, the audit log, idempotency keys, books by user.

-- Groups of accounts.
CREATE TABLE account_group (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    name TEXT, name_folded TEXT, description TEXT, members TEXT, created_at INTEGER, updated_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX account_group_by_name ON account_group (name);
CREATE INDEX account_group_by_description ON account_group (description);
CREATE INDEX account_group_by_created_at ON account_group (created_at);
CREATE INDEX account_group_by_updated_at ON account_group (updated_at);
CREATE UNIQUE INDEX account_group_by_name_folded ON account_group (name_folded);
CREATE VIEW account_group_name AS SELECT name_folded, id FROM account_group WHERE name_folded IS NOT NULL;

-- Who alone serves a key, by service.
ALTER TABLE api_key ADD COLUMN binding_claude TEXT;
ALTER TABLE api_key ADD COLUMN binding_gemini TEXT;
ALTER TABLE api_key ADD COLUMN binding_openai TEXT;
ALTER TABLE api_key ADD COLUMN binding_droid TEXT;
CREATE INDEX api_key_by_binding_claude ON api_key (binding_claude);
CREATE INDEX api_key_by_binding_gemini ON api_key (binding_gemini);
CREATE INDEX api_key_by_binding_openai ON api_key (binding_openai);
CREATE INDEX api_key_by_binding_droid ON api_key (binding_droid);

-- A key's own rate multipliers, and its icon.
ALTER TABLE api_key ADD COLUMN rate_multipliers TEXT;
ALTER TABLE api_key ADD COLUMN icon TEXT;
