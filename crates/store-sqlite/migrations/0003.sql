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

-- Lists of keys. Each order has an index with what keys are filtered by, so that a page is chosen without reading the keys that it
-- passes over.
DROP INDEX api_key_by_name;
DROP INDEX api_key_by_expires_at;
DROP INDEX api_key_by_created_at;
CREATE INDEX api_key_by_name ON api_key (name, id, state, owner, expires_at);
CREATE INDEX api_key_by_expires_at ON api_key (expires_at, id, state, owner);
CREATE INDEX api_key_by_created_at ON api_key (created_at, id, state, owner, expires_at);

-- Items of columns that are listed by them: a table of the family's and the column's names, with the columns of the family that
-- items are counted by, kept by triggers. What is no JSON array of texts has none.
CREATE TABLE api_key_tags (
    item TEXT NOT NULL, id TEXT NOT NULL, state TEXT,
    PRIMARY KEY (item, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_tags_by_id ON api_key_tags (id);
CREATE TRIGGER api_key_tags_inserted AFTER INSERT ON api_key BEGIN
    INSERT INTO api_key_tags (item, id, state) SELECT DISTINCT value, new.id, new.state
        FROM json_each(iif(json_valid(new.tags), new.tags, '[]')) WHERE type = 'text' AND typeof(key) = 'integer';
END;
CREATE TRIGGER api_key_tags_updated AFTER UPDATE OF tags, state ON api_key BEGIN
    DELETE FROM api_key_tags WHERE id = old.id;
    INSERT INTO api_key_tags (item, id, state) SELECT DISTINCT value, new.id, new.state
        FROM json_each(iif(json_valid(new.tags), new.tags, '[]')) WHERE type = 'text' AND typeof(key) = 'integer';
END;
CREATE TRIGGER api_key_tags_deleted AFTER DELETE ON api_key BEGIN
    DELETE FROM api_key_tags WHERE id = old.id;
END;
INSERT INTO api_key_tags (item, id, state) SELECT DISTINCT item.value, api_key.id, api_key.state
    FROM api_key, json_each(iif(json_valid(tags), tags, '[]')) AS item
    WHERE item.type = 'text' AND typeof(item.key) = 'integer';

-- Trigrams of what keys are searched by: they find all keys with a text, and some more. A key has a number here. What is searched
-- ends with two letters more, so that trigrams begin with each letter of it: that is how texts of one or two letters are found.
CREATE TABLE api_key_searched (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
CREATE VIRTUAL TABLE api_key_trigrams USING fts5 (
    text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram'
);
CREATE VIRTUAL TABLE api_key_trigram USING fts5vocab (api_key_trigrams, instance);
CREATE TRIGGER api_key_searched_inserted AFTER INSERT ON api_key BEGIN
    INSERT INTO api_key_searched (id) VALUES (new.id);
    INSERT INTO api_key_trigrams (rowid, text) SELECT number, concat_ws(char(10), new.name, new.description, new.hint, '', '')
        FROM api_key_searched WHERE id = new.id;
END;
CREATE TRIGGER api_key_searched_updated AFTER UPDATE OF name, description, hint ON api_key BEGIN
    DELETE FROM api_key_trigrams WHERE rowid = (SELECT number FROM api_key_searched WHERE id = old.id);
    INSERT INTO api_key_trigrams (rowid, text) SELECT number, concat_ws(char(10), new.name, new.description, new.hint, '', '')
        FROM api_key_searched WHERE id = new.id;
END;
CREATE TRIGGER api_key_searched_deleted AFTER DELETE ON api_key BEGIN
    DELETE FROM api_key_trigrams WHERE rowid = (SELECT number FROM api_key_searched WHERE id = old.id);
    DELETE FROM api_key_searched WHERE id = old.id;
END;
INSERT INTO api_key_searched (id) SELECT id FROM api_key;
INSERT INTO api_key_trigrams (rowid, text) SELECT number, concat_ws(char(10), name, description, hint, '', '')
    FROM api_key_searched JOIN api_key USING (id);

-- Which keys used a model, by day.
CREATE INDEX usage_daily_by_model ON usage_daily (model, day, key_id);

-- The audit log: `document` is the entry; the other columns are what it is filtered by. Ids are ordered as their instants are.
CREATE TABLE audit_entry (
    id TEXT NOT NULL PRIMARY KEY,
    actor TEXT,
    operation TEXT NOT NULL,
    outcome TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_entry_by_actor ON audit_entry (actor, id);
CREATE INDEX audit_entry_by_operation ON audit_entry (operation, id);
CREATE INDEX audit_entry_by_outcome ON audit_entry (outcome, id);
CREATE TABLE audit_resource (
    entry TEXT NOT NULL,
    kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    PRIMARY KEY (entry, kind, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_resource_by_resource ON audit_resource (kind, resource, entry);

-- Requests of the control plane that may be sent again; `answer` is sealed, and absent while somebody works on it.
CREATE TABLE idempotency_key (
    id TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    request TEXT NOT NULL,
    answer TEXT,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_key_by_end ON idempotency_key (expires_at);

-- What one key used, by day, without reading what the others did.
CREATE INDEX usage_daily_by_key ON usage_daily (key_id, day);
