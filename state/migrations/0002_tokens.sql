-- OAuth tokens. In a table of their own, because a copy of the ledger must leave them out: a refresh token can be used once, so of two
-- ledgers that have the same one, one is locked out.
CREATE TABLE token (
    origin        TEXT    NOT NULL PRIMARY KEY,  -- digest of the configured refresh token that these descend from
    refresh_token TEXT,                          -- the newest, not yet used; null before the first refresh
    access_token  TEXT,
    issued_at     INTEGER,
    expires_at    INTEGER,
    base_url      TEXT,                          -- the customer's host, as the vendor named it with these tokens
    sent_at       INTEGER                        -- the refresh token was sent then, and no answer has been stored since
) STRICT, WITHOUT ROWID;
