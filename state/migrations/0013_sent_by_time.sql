-- The rate looks at the last requests by when they left: one that set up a connection may have left after later ones.
CREATE INDEX sent_left ON sent (left_at);
-- open_unit.written is 2 once the answers are others than those with which its object was written.
