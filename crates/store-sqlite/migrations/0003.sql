-- The control plane: what keys are bound to and rated by, groups, the audit log, idempotency keys, books by user.

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

-- Trigrams of what keys are searched by: they find all keys with a text, and some more. A key has a number here.
CREATE TABLE api_key_searched (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
CREATE VIRTUAL TABLE api_key_trigrams USING fts5 (
    text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram'
);
CREATE TRIGGER api_key_searched_inserted AFTER INSERT ON api_key BEGIN
    INSERT INTO api_key_searched (id) VALUES (new.id);
    INSERT INTO api_key_trigrams (rowid, text) SELECT number, concat_ws(char(10), new.name, new.description, new.hint)
        FROM api_key_searched WHERE id = new.id;
END;
CREATE TRIGGER api_key_searched_updated AFTER UPDATE OF name, description, hint ON api_key BEGIN
    DELETE FROM api_key_trigrams WHERE rowid = (SELECT number FROM api_key_searched WHERE id = old.id);
    INSERT INTO api_key_trigrams (rowid, text) SELECT number, concat_ws(char(10), new.name, new.description, new.hint)
        FROM api_key_searched WHERE id = new.id;
END;
CREATE TRIGGER api_key_searched_deleted AFTER DELETE ON api_key BEGIN
    DELETE FROM api_key_trigrams WHERE rowid = (SELECT number FROM api_key_searched WHERE id = old.id);
    DELETE FROM api_key_searched WHERE id = old.id;
END;
INSERT INTO api_key_searched (id) SELECT id FROM api_key;
INSERT INTO api_key_trigrams (rowid, text) SELECT number, concat_ws(char(10), name, description, hint)
    FROM api_key_searched JOIN api_key USING (id);

-- Which keys used a model, by day.
CREATE INDEX usage_daily_by_model ON usage_daily (model, day, key_id);

-- What one key used, by day, without reading what the others did.
CREATE INDEX usage_daily_by_key ON usage_daily (key_id, day);
