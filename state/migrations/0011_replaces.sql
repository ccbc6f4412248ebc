-- A begun unit whose days are on disk in no other unit any more: it took their place, and lands from what is staged, however old.
ALTER TABLE open_unit ADD COLUMN replaces INTEGER NOT NULL DEFAULT 0;
