-- The vendor's count against what came: records that it counted and did not give, with no explanation, and how often in a row. The first
-- time the unit is read once more; after that it is a known gap.
ALTER TABLE unit ADD COLUMN unexplained INTEGER NOT NULL DEFAULT 0;
ALTER TABLE unit ADD COLUMN unexplained_readings INTEGER NOT NULL DEFAULT 0;

-- Records of the answer; null for answers staged before this was counted.
ALTER TABLE staged ADD COLUMN records INTEGER;
