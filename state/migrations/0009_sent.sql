-- When the last requests of all processes left: never more than the rate in any second, whoever sends them and whenever it was started.
CREATE TABLE sent (
    number  INTEGER NOT NULL PRIMARY KEY,      -- counts up
    left_at INTEGER NOT NULL
) STRICT;
ALTER TABLE gate DROP COLUMN next_free;
