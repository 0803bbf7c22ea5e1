-- The control plane: what keys are bound to and rated by, groups, the audit log, idempotency keys, books by user.

-- The books by user: records of a user are found by an index of their own, as those of a key or an account are, and so are the
-- roll-ups. Rows without a user are in none of them.

CREATE TABLE usage_record_by_user (
    subject TEXT NOT NULL, instant INTEGER NOT NULL, record_id INTEGER NOT NULL,
    PRIMARY KEY (subject, instant, record_id)
) STRICT, WITHOUT ROWID;

INSERT INTO usage_record_by_user (subject, instant, record_id)
    SELECT user_id, admitted_at, id FROM usage_record
    WHERE user_id IS NOT NULL AND id <= (SELECT through FROM usage_record_indexed)
    ORDER BY user_id, admitted_at, id;

CREATE INDEX usage_hourly_by_user ON usage_hourly (user_id, hour) WHERE user_id <> '';
CREATE INDEX usage_daily_by_user ON usage_daily (user_id, day) WHERE user_id <> '';
CREATE INDEX usage_monthly_by_user ON usage_monthly (user_id, month) WHERE user_id <> '';

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
