-- What is told of rows that were done.

ALTER TABLE job ADD COLUMN anchors_of_deleted INTEGER NOT NULL DEFAULT 0;
