-- 1 if the run that staged an answer had seen a call by then: an empty one needs not be asked again.
ALTER TABLE staged ADD COLUMN sighted INTEGER NOT NULL DEFAULT 0;
