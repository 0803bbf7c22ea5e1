-- Windows of subscriptions, as providers last told of them; shares of accounts, and whether they stop at a warning.

CREATE TABLE session_window (
    account_id TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, used_permille INTEGER, resets_at INTEGER NOT NULL,
    told_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_window_by_resets_at ON session_window (resets_at);

ALTER TABLE claude_account ADD COLUMN weight INTEGER;
ALTER TABLE claude_account ADD COLUMN stops_at_warning INTEGER;

ALTER TABLE claude_console_account ADD COLUMN weight INTEGER;
ALTER TABLE claude_console_account ADD COLUMN stops_at_warning INTEGER;

ALTER TABLE gemini_account ADD COLUMN weight INTEGER;
ALTER TABLE gemini_account ADD COLUMN stops_at_warning INTEGER;

ALTER TABLE openai_account ADD COLUMN weight INTEGER;
ALTER TABLE openai_account ADD COLUMN stops_at_warning INTEGER;

ALTER TABLE openai_responses_account ADD COLUMN weight INTEGER;
ALTER TABLE openai_responses_account ADD COLUMN stops_at_warning INTEGER;

ALTER TABLE bedrock_account ADD COLUMN weight INTEGER;
ALTER TABLE bedrock_account ADD COLUMN stops_at_warning INTEGER;

ALTER TABLE azure_openai_account ADD COLUMN weight INTEGER;
ALTER TABLE azure_openai_account ADD COLUMN stops_at_warning INTEGER;

ALTER TABLE droid_account ADD COLUMN weight INTEGER;
ALTER TABLE droid_account ADD COLUMN stops_at_warning INTEGER;

ALTER TABLE ccr_account ADD COLUMN weight INTEGER;
ALTER TABLE ccr_account ADD COLUMN stops_at_warning INTEGER;
