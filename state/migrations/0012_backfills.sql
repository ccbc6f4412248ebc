-- The run that began a forced backfill: what later runs committed of its range is done. Null for one that is not forced.
ALTER TABLE backfill ADD COLUMN forced_by TEXT;
-- 1 from just before the unit's object is written or removed: only then must another run finish it, whatever it was asked.
ALTER TABLE open_unit ADD COLUMN written INTEGER NOT NULL DEFAULT 0;
