-- The time zone whose days a unit of company days was read in: another zone makes it due. Null for UTC days, and for what was read
-- before this column was there.
ALTER TABLE unit ADD COLUMN time_zone TEXT;
ALTER TABLE open_unit ADD COLUMN time_zone TEXT;

-- Objects of units that others have replaced, until they are removed from the output.
CREATE TABLE discarded (
    path TEXT NOT NULL PRIMARY KEY             -- below the output
) STRICT, WITHOUT ROWID;
