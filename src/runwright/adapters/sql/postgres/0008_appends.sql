-- A row of `events` holds what one append has added: `seq` and `type` are those of its newest event, `hashes`
-- has 16 bytes for each event, `body` holds their bodies in a form of its own. What older builds wrote, a row
-- for each event, is an append of one.
ALTER TABLE events RENAME COLUMN hash TO hashes;
