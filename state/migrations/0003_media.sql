-- Media files that are whole in the output, so that none is fetched twice: their bytes do not change.
CREATE TABLE media (
    entity       TEXT    NOT NULL,
    call_id      TEXT    NOT NULL,
    from_day     TEXT    NOT NULL,
    to_day       TEXT    NOT NULL,
    path         TEXT    NOT NULL,             -- below the output
    size         INTEGER NOT NULL,
    sha256       TEXT    NOT NULL,
    content_type TEXT,
    PRIMARY KEY (entity, call_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX media_window ON media (entity, from_day, to_day);
