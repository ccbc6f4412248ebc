-- Uploads of large objects in parts, from before the first part until the object is whole or the upload aborted. What a killed run
-- left is found here: the parts take room in the bucket, and no listing of objects shows them.
CREATE TABLE upload (
    id   TEXT NOT NULL PRIMARY KEY,            -- as the store named it
    path TEXT NOT NULL,                        -- below the output
    mark TEXT NOT NULL                         -- the finished object carries it: so it is told which upload made it
) STRICT, WITHOUT ROWID;
