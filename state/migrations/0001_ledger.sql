-- The ledger: facts about what was asked, what came and what was written. Coverage and watermarks are computed from them.
-- Instants are microseconds since 1970 UTC; days are 'YYYY-MM-DD'; a snapshot has '' for both of its days.

-- Names and values of the ledger itself: its id, its output, the company's workspaces and time zone, the commit sequence.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Committed units: one row is one reading that is on disk. Replaced when the unit is read again.
CREATE TABLE unit (
    entity          TEXT    NOT NULL,
    from_day        TEXT    NOT NULL,
    to_day          TEXT    NOT NULL,
    read_at         INTEGER NOT NULL,          -- the now of the newest reading, whether it rewrote the object or not
    rows            INTEGER NOT NULL,
    private         INTEGER NOT NULL,          -- rows left out as private
    missing         INTEGER NOT NULL,          -- asked ids that the vendor did not return
    vendor_total    INTEGER,
    digest          BLOB    NOT NULL,          -- of all rows, order and volatile columns apart
    fingerprint     TEXT    NOT NULL,          -- of the settings that shape the rows
    schema_version  INTEGER NOT NULL,
    include_private INTEGER NOT NULL,
    object          TEXT,                      -- path below the output; null when there are no rows
    object_read_at  INTEGER,                   -- the reading that wrote the object
    bytes           INTEGER NOT NULL,
    sha256          TEXT,
    etag            TEXT,
    sequence        INTEGER NOT NULL,          -- commit number of the object's content
    run_id          TEXT    NOT NULL,
    due             TEXT,                      -- why it is to be read again before its age says so
    suspect         TEXT,                      -- why the newest reading was not believed
    PRIMARY KEY (entity, from_day, to_day)
) STRICT, WITHOUT ROWID;

-- Units begun and not yet committed: the intent that precedes an object's first byte.
CREATE TABLE open_unit (
    id          INTEGER PRIMARY KEY,
    entity      TEXT    NOT NULL,
    from_day    TEXT    NOT NULL,
    to_day      TEXT    NOT NULL,
    object      TEXT    NOT NULL,
    read_at     INTEGER NOT NULL,              -- the now it was begun with, and the reading time it will have
    fingerprint TEXT    NOT NULL,
    run_id      TEXT    NOT NULL,
    UNIQUE (entity, from_day, to_day)
) STRICT;

-- Answers of open units, so that an interrupted unit goes on where it stopped. Cleared in the transaction that commits the unit.
CREATE TABLE staged (
    unit_id     INTEGER NOT NULL REFERENCES open_unit (id) ON DELETE CASCADE,
    part        TEXT    NOT NULL,              -- 'list', or the digest of a batch of ids
    page        INTEGER NOT NULL,
    body        BLOB    NOT NULL,              -- zstd
    cursor      TEXT,                          -- of the next page; null on the last
    expires     INTEGER,                       -- when that cursor dies
    ids         TEXT,                          -- the batch, as a JSON array
    total       INTEGER,                       -- the vendor's count
    PRIMARY KEY (unit_id, part, page)
) STRICT, WITHOUT ROWID;

-- Digest of each row of an unsettled unit, to say what came new, changed and went.
CREATE TABLE row_digest (
    entity   TEXT NOT NULL,
    from_day TEXT NOT NULL,
    to_day   TEXT NOT NULL,
    key      BLOB NOT NULL,                    -- digest of the row's key
    digest   BLOB NOT NULL,
    PRIMARY KEY (entity, from_day, to_day, key)
) STRICT, WITHOUT ROWID;

-- Calls as their window's newest listing gave them.
CREATE TABLE call (
    id       TEXT    NOT NULL PRIMARY KEY,
    from_day TEXT    NOT NULL,
    to_day   TEXT    NOT NULL,
    position INTEGER NOT NULL,                 -- in the listing
    started  INTEGER,
    private  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX call_window ON call (from_day, to_day, position);

-- Calls outside every listed window that other entities name: whether the vendor shows them.
CREATE TABLE visibility (
    id    TEXT    NOT NULL PRIMARY KEY,
    state TEXT    NOT NULL CHECK (state IN ('public', 'private', 'absent')),
    at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Asked and not returned, or refused: shown by status, asked again with every re-reading.
CREATE TABLE missing (
    entity   TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    from_day TEXT    NOT NULL,
    to_day   TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    since    INTEGER NOT NULL,
    PRIMARY KEY (entity, id)
) STRICT, WITHOUT ROWID;

-- The vendor's totals of windows that were looked at and cut into smaller ones.
CREATE TABLE probe (
    entity   TEXT    NOT NULL,
    from_day TEXT    NOT NULL,
    to_day   TEXT    NOT NULL,
    total    INTEGER NOT NULL,
    PRIMARY KEY (entity, from_day, to_day)
) STRICT, WITHOUT ROWID;

-- Objects that are no longer current, for loaders; kept 90 days.
CREATE TABLE removed (
    path     TEXT    NOT NULL PRIMARY KEY,
    sequence INTEGER NOT NULL,
    at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Requests made, by day of our budget.
CREATE TABLE quota (
    day      TEXT    NOT NULL PRIMARY KEY,
    requests INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The gate that every request of every process passes.
CREATE TABLE gate (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    next_free    INTEGER NOT NULL,             -- no request before it: the rate, across processes and restarts
    closed_until INTEGER NOT NULL              -- no request before it: the vendor's Retry-After
) STRICT;
INSERT INTO gate VALUES (1, 0, 0);

-- Backfills that were begun and not finished.
CREATE TABLE backfill (
    id       INTEGER PRIMARY KEY,
    from_day TEXT    NOT NULL,
    to_day   TEXT    NOT NULL,
    entities TEXT    NOT NULL,                 -- JSON array
    begun    INTEGER NOT NULL
) STRICT;

-- Every run: what was planned, what came of it.
CREATE TABLE run (
    id        TEXT    NOT NULL PRIMARY KEY,
    command   TEXT    NOT NULL,
    as_of     INTEGER NOT NULL,
    started   INTEGER NOT NULL,
    ended     INTEGER,
    exit_code INTEGER,
    requests  INTEGER NOT NULL DEFAULT 0,
    plan      TEXT,
    report    TEXT
) STRICT, WITHOUT ROWID;
