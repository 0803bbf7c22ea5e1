-- People: API tokens, second factors of administrators, what users have beside their sign-in.

CREATE TABLE api_token (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    name TEXT, hash TEXT, hint TEXT, admin_id TEXT, role TEXT, scopes TEXT, expires_at INTEGER, last_used_at INTEGER,
    created_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_token_by_name ON api_token (name);
CREATE INDEX api_token_by_hint ON api_token (hint);
CREATE INDEX api_token_by_admin_id ON api_token (admin_id);
CREATE INDEX api_token_by_expires_at ON api_token (expires_at);
CREATE INDEX api_token_by_created_at ON api_token (created_at);
CREATE UNIQUE INDEX api_token_by_hash ON api_token (hash);
CREATE VIEW api_token_hash AS SELECT hash, id FROM api_token WHERE hash IS NOT NULL;

CREATE TABLE admin_totp (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    secret TEXT, confirmed_at INTEGER, last_step INTEGER, recovery TEXT, created_at INTEGER
) STRICT, WITHOUT ROWID;

ALTER TABLE user ADD COLUMN state TEXT;
ALTER TABLE user ADD COLUMN keys_max INTEGER;
CREATE INDEX user_by_state ON user (state);
