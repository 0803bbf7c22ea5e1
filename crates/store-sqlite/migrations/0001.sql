-- The first schema. Each family of the keyspace is a table or a view of its name, `:` as `_`.
--
-- Families that are not here: those that live in the process (slots, queues, message locks, open windows of limits), and those
-- whose fields are not settled yet; each of these comes with the migration that adds its columns to the keyspace table.
--
-- Times are milliseconds since 1970, UTC; money is nano-dollars. STRICT refuses what is no whole number, so that a sum that
-- overflows is an error and never a rounded one.

CREATE TABLE schema (version INTEGER NOT NULL, store_id TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;

-- How often the store was opened: the upper half of every fence of that run.
CREATE TABLE lock (starts INTEGER NOT NULL) STRICT;
INSERT INTO lock (starts) VALUES (0);

-- The sequence of changes: of each record the last one.
CREATE TABLE change (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, family TEXT NOT NULL, id TEXT NOT NULL,
    UNIQUE (family, id)
) STRICT;

-- Records. A record without a field has NULL there. An index ends with the id, which is what pages need.

CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    name TEXT, description TEXT, hash TEXT, hash_scheme TEXT, hint TEXT, permissions TEXT, allowed_clients TEXT,
    restricted_models TEXT, tags TEXT, owner TEXT, expires_at INTEGER, lifetime_ms INTEGER, first_used_at INTEGER,
    state TEXT, deleted_at INTEGER, created_at INTEGER, created_by TEXT, updated_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_by_name ON api_key (name);
CREATE INDEX api_key_by_description ON api_key (description);
CREATE INDEX api_key_by_hint ON api_key (hint);
CREATE INDEX api_key_by_owner ON api_key (owner);
CREATE INDEX api_key_by_expires_at ON api_key (expires_at);
CREATE INDEX api_key_by_state ON api_key (state);
CREATE INDEX api_key_by_created_at ON api_key (created_at);
CREATE INDEX api_key_by_updated_at ON api_key (updated_at);
CREATE UNIQUE INDEX api_key_by_hash ON api_key (hash);
CREATE VIEW api_key_hash AS SELECT hash, id FROM api_key WHERE hash IS NOT NULL;

CREATE TABLE claude_console_account (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    name TEXT, description TEXT, priority INTEGER, schedulable INTEGER, concurrency_max INTEGER, models TEXT,
    expires_at INTEGER, base_url TEXT, messages_path TEXT, api_key TEXT, auth TEXT, created_at INTEGER, updated_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX claude_console_account_by_name ON claude_console_account (name);
CREATE INDEX claude_console_account_by_description ON claude_console_account (description);
CREATE INDEX claude_console_account_by_priority ON claude_console_account (priority);
CREATE INDEX claude_console_account_by_schedulable ON claude_console_account (schedulable);
CREATE INDEX claude_console_account_by_expires_at ON claude_console_account (expires_at);
CREATE INDEX claude_console_account_by_created_at ON claude_console_account (created_at);
CREATE INDEX claude_console_account_by_updated_at ON claude_console_account (updated_at);

CREATE TABLE ccr_account (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    name TEXT, description TEXT, priority INTEGER, schedulable INTEGER, concurrency_max INTEGER, models TEXT,
    expires_at INTEGER, base_url TEXT, messages_path TEXT, api_key TEXT, auth TEXT, created_at INTEGER, updated_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX ccr_account_by_name ON ccr_account (name);
CREATE INDEX ccr_account_by_description ON ccr_account (description);
CREATE INDEX ccr_account_by_priority ON ccr_account (priority);
CREATE INDEX ccr_account_by_schedulable ON ccr_account (schedulable);
CREATE INDEX ccr_account_by_expires_at ON ccr_account (expires_at);
CREATE INDEX ccr_account_by_created_at ON ccr_account (created_at);
CREATE INDEX ccr_account_by_updated_at ON ccr_account (updated_at);

CREATE TABLE user (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    email TEXT, name TEXT, role TEXT, password_hash TEXT, created_at INTEGER, updated_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX user_by_name ON user (name);
CREATE INDEX user_by_role ON user (role);
CREATE INDEX user_by_created_at ON user (created_at);
CREATE INDEX user_by_updated_at ON user (updated_at);
CREATE UNIQUE INDEX user_by_email ON user (email);
CREATE VIEW user_email AS SELECT email, id FROM user WHERE email IS NOT NULL;

CREATE TABLE admin (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    username TEXT, password_hash TEXT, role TEXT, created_at INTEGER, updated_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX admin_by_role ON admin (role);
CREATE INDEX admin_by_created_at ON admin (created_at);
CREATE INDEX admin_by_updated_at ON admin (updated_at);
CREATE UNIQUE INDEX admin_by_username ON admin (username);
CREATE VIEW admin_username AS SELECT username, id FROM admin WHERE username IS NOT NULL;

CREATE TABLE admin_credentials (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    admin_id TEXT, file_digest TEXT, file_updated_at INTEGER, updated_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE model_pricing (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    document TEXT, updated_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX model_pricing_by_updated_at ON model_pricing (updated_at);

CREATE TABLE setting (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    value TEXT, updated_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX setting_by_updated_at ON setting (updated_at);

CREATE TABLE key_check (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    sealed TEXT, created_at INTEGER
) STRICT, WITHOUT ROWID;

-- State.

CREATE TABLE session (
    id TEXT NOT NULL PRIMARY KEY, admin_id TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    address TEXT NOT NULL, user_agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_admin_id ON session (admin_id, created_at);
CREATE INDEX session_by_expires_at ON session (expires_at);

CREATE TABLE user_session (
    id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    address TEXT NOT NULL, user_agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX user_session_by_user_id ON user_session (user_id, created_at);
CREATE INDEX user_session_by_expires_at ON user_session (expires_at);

CREATE TABLE sticky_session (
    hash TEXT NOT NULL PRIMARY KEY, account_id TEXT NOT NULL, until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sticky_session_by_account_id ON sticky_session (account_id);
CREATE INDEX sticky_session_by_until ON sticky_session (until);

CREATE TABLE rate_limit_state (
    account_id TEXT NOT NULL, scope TEXT NOT NULL, cause TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
    source TEXT NOT NULL, status INTEGER,
    PRIMARY KEY (account_id, scope)
) STRICT, WITHOUT ROWID;
CREATE INDEX rate_limit_state_by_until ON rate_limit_state (until);
CREATE VIEW overload AS SELECT account_id, scope, until FROM rate_limit_state WHERE cause = 'overloaded';

-- The books. Records are only ever appended; the four tables behind them are their indexes, built later and in steps: records
-- after `usage_record_indexed.through` are not in them yet.

CREATE TABLE ledger_epoch (epoch TEXT NOT NULL PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE usage_record (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL, attempt_no INTEGER NOT NULL, is_final INTEGER NOT NULL, kind TEXT NOT NULL,
    key_id TEXT, user_id TEXT, account_id TEXT, platform TEXT, dialect TEXT NOT NULL,
    model TEXT NOT NULL, model_requested TEXT NOT NULL, model_upstream TEXT NOT NULL, streamed INTEGER NOT NULL,
    admitted_at INTEGER NOT NULL, hour TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
    first_byte_ms INTEGER, outcome TEXT NOT NULL, failure TEXT, status INTEGER,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, usage_source TEXT NOT NULL,
    cost_nanos INTEGER NOT NULL, cost_rated_nanos INTEGER NOT NULL, price TEXT NOT NULL, client TEXT NOT NULL,
    upstream_request_id TEXT NOT NULL, note TEXT NOT NULL
) STRICT;

CREATE TABLE usage_record_indexed (through INTEGER NOT NULL) STRICT;
INSERT INTO usage_record_indexed (through) VALUES (0);

CREATE TABLE usage_record_by_time (
    instant INTEGER NOT NULL, record_id INTEGER NOT NULL,
    PRIMARY KEY (instant, record_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_record_by_key (
    subject TEXT NOT NULL, instant INTEGER NOT NULL, record_id INTEGER NOT NULL,
    PRIMARY KEY (subject, instant, record_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_record_by_account (
    subject TEXT NOT NULL, instant INTEGER NOT NULL, record_id INTEGER NOT NULL,
    PRIMARY KEY (subject, instant, record_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_record_by_request (
    subject TEXT NOT NULL, instant INTEGER NOT NULL, record_id INTEGER NOT NULL,
    PRIMARY KEY (subject, instant, record_id)
) STRICT, WITHOUT ROWID;

-- Roll-ups. The bucket leads the key, so that the rows being written stand together.

CREATE TABLE usage_hourly (
    hour TEXT NOT NULL, key_id TEXT NOT NULL, user_id TEXT NOT NULL, model TEXT NOT NULL,
    requests INTEGER NOT NULL, attempts INTEGER NOT NULL, failures INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL, cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, cost_rated_nanos INTEGER NOT NULL,
    PRIMARY KEY (hour, key_id, user_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_account_hourly (
    hour TEXT NOT NULL, account_id TEXT NOT NULL, model TEXT NOT NULL,
    requests INTEGER NOT NULL, attempts INTEGER NOT NULL, failures INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL, cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, cost_rated_nanos INTEGER NOT NULL,
    PRIMARY KEY (hour, account_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_global_hourly (
    hour TEXT NOT NULL, platform TEXT NOT NULL, model TEXT NOT NULL,
    requests INTEGER NOT NULL, attempts INTEGER NOT NULL, failures INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL, cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, cost_rated_nanos INTEGER NOT NULL,
    PRIMARY KEY (hour, platform, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_daily (
    day TEXT NOT NULL, key_id TEXT NOT NULL, user_id TEXT NOT NULL, model TEXT NOT NULL,
    requests INTEGER NOT NULL, attempts INTEGER NOT NULL, failures INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL, cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, cost_rated_nanos INTEGER NOT NULL,
    PRIMARY KEY (day, key_id, user_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_account (
    day TEXT NOT NULL, account_id TEXT NOT NULL, model TEXT NOT NULL,
    requests INTEGER NOT NULL, attempts INTEGER NOT NULL, failures INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL, cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, cost_rated_nanos INTEGER NOT NULL,
    PRIMARY KEY (day, account_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_global (
    day TEXT NOT NULL, platform TEXT NOT NULL, model TEXT NOT NULL,
    requests INTEGER NOT NULL, attempts INTEGER NOT NULL, failures INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL, cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, cost_rated_nanos INTEGER NOT NULL,
    PRIMARY KEY (day, platform, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_monthly (
    month TEXT NOT NULL, key_id TEXT NOT NULL, user_id TEXT NOT NULL, model TEXT NOT NULL,
    requests INTEGER NOT NULL, attempts INTEGER NOT NULL, failures INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL, cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, cost_rated_nanos INTEGER NOT NULL,
    PRIMARY KEY (month, key_id, user_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_account_monthly (
    month TEXT NOT NULL, account_id TEXT NOT NULL, model TEXT NOT NULL,
    requests INTEGER NOT NULL, attempts INTEGER NOT NULL, failures INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL, cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, cost_rated_nanos INTEGER NOT NULL,
    PRIMARY KEY (month, account_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_global_monthly (
    month TEXT NOT NULL, platform TEXT NOT NULL, model TEXT NOT NULL,
    requests INTEGER NOT NULL, attempts INTEGER NOT NULL, failures INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL, cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL, cost_nanos INTEGER NOT NULL, cost_rated_nanos INTEGER NOT NULL,
    PRIMARY KEY (month, platform, model)
) STRICT, WITHOUT ROWID;

-- All-time totals of a key; its cost stands in `api_key_cost`.
CREATE TABLE api_key_usage (
    key_id TEXT NOT NULL PRIMARY KEY, last_used_at INTEGER NOT NULL,
    requests INTEGER NOT NULL, attempts INTEGER NOT NULL, failures INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL, cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `span` is `day`, `week`, `month` or `total`; `start` the first day of the span, empty for the total.
CREATE TABLE api_key_cost (
    span TEXT NOT NULL, start TEXT NOT NULL, key_id TEXT NOT NULL,
    cost_nanos INTEGER NOT NULL, cost_rated_nanos INTEGER NOT NULL,
    PRIMARY KEY (span, start, key_id)
) STRICT, WITHOUT ROWID;
