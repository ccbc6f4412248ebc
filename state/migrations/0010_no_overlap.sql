-- Two units of one entity never hold the same time, whoever writes them: a row would be there twice.
CREATE TRIGGER unit_overlaps BEFORE INSERT ON unit
WHEN EXISTS (
    SELECT 1 FROM unit AS other
    WHERE other.entity = NEW.entity AND other.from_day < NEW.to_day AND other.to_day > NEW.from_day
      AND NOT (other.from_day = NEW.from_day AND other.to_day = NEW.to_day)
)
BEGIN
    SELECT RAISE(ABORT, 'the window overlaps one that is committed');
END;
