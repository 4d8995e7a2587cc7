-- Jobs that servers do, in the name of who asked for them; their rows, and the certificates that came of them.

ALTER TABLE job ADD COLUMN served INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN account INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN role TEXT NOT NULL DEFAULT 'operator';
ALTER TABLE job ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;

-- What a job's rows are, as they were sent, in pieces; it goes when the job is over.
CREATE TABLE job_part (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	job INTEGER NOT NULL REFERENCES job (id),
	at INTEGER NOT NULL,
	body BLOB
);
CREATE INDEX job_part_by_job ON job_part (job, at);
CREATE INDEX job_part_by_tenant ON job_part (tenant);

-- Certificates that a job gives out where it has no folder to write them to.
CREATE TABLE job_result (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	job INTEGER NOT NULL REFERENCES job (id),
	name TEXT NOT NULL,
	credential INTEGER NOT NULL REFERENCES credential (id)
);
CREATE INDEX job_result_by_job ON job_result (job, id);
