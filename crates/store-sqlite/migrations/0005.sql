-- OAuth clients: the operator's registration at each platform's authorisation server.

CREATE TABLE oauth_client (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    authorize_url TEXT, token_url TEXT, device_url TEXT, revoke_url TEXT, redirect_uri TEXT,
    client_id TEXT, client_secret TEXT, client_auth TEXT, scopes TEXT, token_body TEXT, authorize_parameters TEXT,
    created_at INTEGER, updated_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_client_by_updated_at ON oauth_client (updated_at);

-- Sign-ins that were begun, by account.
CREATE TABLE oauth_sign_in (
    id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,
    pending TEXT, expires_at INTEGER, created_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_sign_in_by_expires_at ON oauth_sign_in (expires_at);
