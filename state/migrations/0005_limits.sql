-- Requests made, by minute, so that a day of our budget can begin when the vendor's does; kept for three days.
CREATE TABLE spent (
    minute   INTEGER NOT NULL PRIMARY KEY,     -- since 1970 UTC
    requests INTEGER NOT NULL
) STRICT;
INSERT INTO spent SELECT unixepoch(day) / 60, requests FROM quota;
DROP TABLE quota;

-- What the gate has learned: when the vendor's day begins, and how much slower than the rate to go while others use it too.
ALTER TABLE gate ADD COLUMN day_begins   INTEGER NOT NULL DEFAULT 0;  -- minutes after midnight UTC
ALTER TABLE gate ADD COLUMN slowed       INTEGER NOT NULL DEFAULT 0;  -- steps below the rate
ALTER TABLE gate ADD COLUMN slowed_at    INTEGER NOT NULL DEFAULT 0;  -- when the steps were counted last
