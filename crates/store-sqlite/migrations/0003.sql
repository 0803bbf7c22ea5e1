-- The control plane: what keys are bound to and rated by, groups, the audit log, idempotency keys, books by user.

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
