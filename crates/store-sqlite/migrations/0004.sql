-- Accounts of every platform, and the outbound proxy of each.

ALTER TABLE claude_console_account ADD COLUMN proxy TEXT;
ALTER TABLE ccr_account ADD COLUMN proxy TEXT;

CREATE TABLE claude_account (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    name TEXT, description TEXT, priority INTEGER, schedulable INTEGER, concurrency_max INTEGER, models TEXT,
    expires_at INTEGER, proxy TEXT, created_at INTEGER, updated_at INTEGER,
    base_url TEXT, access_token TEXT, access_expires_at INTEGER, refresh_token TEXT, scopes TEXT,
    provider_account_id TEXT, email TEXT, sign_in_needed TEXT, refreshed_at INTEGER, refresh_begun_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX claude_account_by_name ON claude_account (name);
CREATE INDEX claude_account_by_description ON claude_account (description);
CREATE INDEX claude_account_by_priority ON claude_account (priority);
CREATE INDEX claude_account_by_schedulable ON claude_account (schedulable);
CREATE INDEX claude_account_by_expires_at ON claude_account (expires_at);
CREATE INDEX claude_account_by_created_at ON claude_account (created_at);
CREATE INDEX claude_account_by_updated_at ON claude_account (updated_at);

CREATE TABLE gemini_account (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    name TEXT, description TEXT, priority INTEGER, schedulable INTEGER, concurrency_max INTEGER, models TEXT,
    expires_at INTEGER, proxy TEXT, created_at INTEGER, updated_at INTEGER,
    base_url TEXT, access_token TEXT, access_expires_at INTEGER, refresh_token TEXT, scopes TEXT,
    provider_account_id TEXT, email TEXT, sign_in_needed TEXT, refreshed_at INTEGER, refresh_begun_at INTEGER,
    access TEXT, api_key TEXT, auth TEXT, project_id TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX gemini_account_by_name ON gemini_account (name);
CREATE INDEX gemini_account_by_description ON gemini_account (description);
CREATE INDEX gemini_account_by_priority ON gemini_account (priority);
CREATE INDEX gemini_account_by_schedulable ON gemini_account (schedulable);
CREATE INDEX gemini_account_by_expires_at ON gemini_account (expires_at);
CREATE INDEX gemini_account_by_created_at ON gemini_account (created_at);
CREATE INDEX gemini_account_by_updated_at ON gemini_account (updated_at);

CREATE TABLE openai_account (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    name TEXT, description TEXT, priority INTEGER, schedulable INTEGER, concurrency_max INTEGER, models TEXT,
    expires_at INTEGER, proxy TEXT, created_at INTEGER, updated_at INTEGER,
    base_url TEXT, access_token TEXT, access_expires_at INTEGER, refresh_token TEXT, scopes TEXT,
    provider_account_id TEXT, email TEXT, sign_in_needed TEXT, refreshed_at INTEGER, refresh_begun_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX openai_account_by_name ON openai_account (name);
CREATE INDEX openai_account_by_description ON openai_account (description);
CREATE INDEX openai_account_by_priority ON openai_account (priority);
CREATE INDEX openai_account_by_schedulable ON openai_account (schedulable);
CREATE INDEX openai_account_by_expires_at ON openai_account (expires_at);
CREATE INDEX openai_account_by_created_at ON openai_account (created_at);
CREATE INDEX openai_account_by_updated_at ON openai_account (updated_at);

CREATE TABLE openai_responses_account (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    name TEXT, description TEXT, priority INTEGER, schedulable INTEGER, concurrency_max INTEGER, models TEXT,
    expires_at INTEGER, proxy TEXT, created_at INTEGER, updated_at INTEGER,
    base_url TEXT, api_key TEXT, auth TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX openai_responses_account_by_name ON openai_responses_account (name);
CREATE INDEX openai_responses_account_by_description ON openai_responses_account (description);
CREATE INDEX openai_responses_account_by_priority ON openai_responses_account (priority);
CREATE INDEX openai_responses_account_by_schedulable ON openai_responses_account (schedulable);
CREATE INDEX openai_responses_account_by_expires_at ON openai_responses_account (expires_at);
CREATE INDEX openai_responses_account_by_created_at ON openai_responses_account (created_at);
CREATE INDEX openai_responses_account_by_updated_at ON openai_responses_account (updated_at);

CREATE TABLE bedrock_account (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    name TEXT, description TEXT, priority INTEGER, schedulable INTEGER, concurrency_max INTEGER, models TEXT,
    expires_at INTEGER, proxy TEXT, created_at INTEGER, updated_at INTEGER,
    access TEXT, region TEXT, base_url TEXT, access_key_id TEXT, secret_access_key TEXT, session_token TEXT, bearer_token TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX bedrock_account_by_name ON bedrock_account (name);
CREATE INDEX bedrock_account_by_description ON bedrock_account (description);
CREATE INDEX bedrock_account_by_priority ON bedrock_account (priority);
CREATE INDEX bedrock_account_by_schedulable ON bedrock_account (schedulable);
CREATE INDEX bedrock_account_by_expires_at ON bedrock_account (expires_at);
CREATE INDEX bedrock_account_by_created_at ON bedrock_account (created_at);
CREATE INDEX bedrock_account_by_updated_at ON bedrock_account (updated_at);

CREATE TABLE azure_openai_account (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    name TEXT, description TEXT, priority INTEGER, schedulable INTEGER, concurrency_max INTEGER, models TEXT,
    expires_at INTEGER, proxy TEXT, created_at INTEGER, updated_at INTEGER,
    base_url TEXT, api_key TEXT, auth TEXT, deployment TEXT, api_version TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX azure_openai_account_by_name ON azure_openai_account (name);
CREATE INDEX azure_openai_account_by_description ON azure_openai_account (description);
CREATE INDEX azure_openai_account_by_priority ON azure_openai_account (priority);
CREATE INDEX azure_openai_account_by_schedulable ON azure_openai_account (schedulable);
CREATE INDEX azure_openai_account_by_expires_at ON azure_openai_account (expires_at);
CREATE INDEX azure_openai_account_by_created_at ON azure_openai_account (created_at);
CREATE INDEX azure_openai_account_by_updated_at ON azure_openai_account (updated_at);

CREATE TABLE droid_account (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    name TEXT, description TEXT, priority INTEGER, schedulable INTEGER, concurrency_max INTEGER, models TEXT,
    expires_at INTEGER, proxy TEXT, created_at INTEGER, updated_at INTEGER,
    base_url TEXT, access_token TEXT, access_expires_at INTEGER, refresh_token TEXT, scopes TEXT,
    provider_account_id TEXT, email TEXT, sign_in_needed TEXT, refreshed_at INTEGER, refresh_begun_at INTEGER,
    access TEXT, api_keys TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX droid_account_by_name ON droid_account (name);
CREATE INDEX droid_account_by_description ON droid_account (description);
CREATE INDEX droid_account_by_priority ON droid_account (priority);
CREATE INDEX droid_account_by_schedulable ON droid_account (schedulable);
CREATE INDEX droid_account_by_expires_at ON droid_account (expires_at);
CREATE INDEX droid_account_by_created_at ON droid_account (created_at);
CREATE INDEX droid_account_by_updated_at ON droid_account (updated_at);
