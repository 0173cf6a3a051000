-- Whether a process takes runs up that nobody drives, so that it can be told when there is none that does.
ALTER TABLE workers ADD COLUMN drives boolean NOT NULL DEFAULT true;
