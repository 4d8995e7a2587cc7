-- Groups, trust anchors, keys and pre-shared keys beside certificates, proposals, jobs, accounts, counts and marks of
-- the audit.  The words are those that SQLite and PostgreSQL both take (sql.h).

CREATE TABLE device_group (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	name TEXT NOT NULL,
	parent INTEGER REFERENCES device_group (id),
	path TEXT NOT NULL,
	policy TEXT NOT NULL,
	deleted_ms INTEGER,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL,
	UNIQUE (tenant, path)
);
CREATE INDEX device_group_by_parent ON device_group (parent);

ALTER TABLE device ADD COLUMN grp INTEGER REFERENCES device_group (id);
ALTER TABLE device ADD COLUMN serial TEXT;
ALTER TABLE device ADD COLUMN anchor_kind TEXT NOT NULL DEFAULT 'none';
ALTER TABLE device ADD COLUMN anchor_store TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE device ADD COLUMN anchor BLOB;
ALTER TABLE device ADD COLUMN attrs TEXT;
ALTER TABLE device ADD COLUMN deleted_ms INTEGER;
-- What is unique to one device can't be another's.
CREATE UNIQUE INDEX device_anchor ON device (tenant, anchor) WHERE anchor IS NOT NULL AND state <> 'deleted';
CREATE INDEX device_by_group ON device (grp, state, id) WHERE grp IS NOT NULL;
CREATE INDEX device_by_serial ON device (tenant, serial) WHERE serial IS NOT NULL;
CREATE INDEX device_by_name ON device (tenant, name, id);
CREATE INDEX device_by_hostname ON device (tenant, hostname, id);
CREATE INDEX device_by_mac ON device (tenant, mac, id);
CREATE INDEX device_by_ip ON device (tenant, ip, id);

ALTER TABLE ca ADD COLUMN kind TEXT NOT NULL DEFAULT 'local';
ALTER TABLE ca ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE ca ADD COLUMN settings TEXT;
ALTER TABLE ca ADD COLUMN csr BLOB;
ALTER TABLE ca ADD COLUMN chain BLOB;
-- Keys that a CA had before its present one, and what was signed with them (RFC 4210 4.4); with a request and no
-- certificate, the one that comes next.
CREATE TABLE ca_generation (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	ca INTEGER NOT NULL REFERENCES ca (id),
	number INTEGER NOT NULL,
	key_uri TEXT NOT NULL,
	cert BLOB,
	new_with_old BLOB,
	old_with_new BLOB,
	chain BLOB,
	csr BLOB,
	settings TEXT,
	not_before INTEGER NOT NULL,
	not_after INTEGER NOT NULL,
	needed_until INTEGER NOT NULL,
	created_ms INTEGER NOT NULL,
	UNIQUE (ca, number)
);
-- The same key in further tokens, in the order in which they are tried.
CREATE TABLE ca_place (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	ca INTEGER NOT NULL REFERENCES ca (id),
	generation INTEGER NOT NULL,
	place INTEGER NOT NULL,
	key_uri TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	UNIQUE (ca, generation, key_uri)
);

-- The same table without UNIQUE (ca, serial): one index of random numbers, the other way round, is unique and found by
-- the serial number alone as well.
CREATE TABLE credential_next (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	device INTEGER REFERENCES device (id),
	ca INTEGER REFERENCES ca (id),
	own_ca INTEGER REFERENCES ca (id),
	profile TEXT NOT NULL,
	subject TEXT NOT NULL,
	key_uri TEXT NOT NULL,
	serial BLOB,
	fingerprint BLOB,
	key_hash BLOB,
	cert BLOB,
	not_before INTEGER NOT NULL,
	not_after INTEGER NOT NULL,
	replaces INTEGER REFERENCES credential_next (id),
	revoked_at INTEGER,
	reason INTEGER NOT NULL,
	invalid_at INTEGER,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL
);
INSERT INTO credential_next SELECT id, tenant, kind, state, device, ca, own_ca, profile, subject, key_uri, serial, fingerprint, key_hash, cert, not_before, not_after, replaces, revoked_at, reason, invalid_at, created_ms, updated_ms FROM credential ORDER BY id;
DROP TABLE credential;
ALTER TABLE credential_next RENAME TO credential;
CREATE UNIQUE INDEX credential_by_serial ON credential (serial, tenant, ca);
CREATE UNIQUE INDEX credential_by_fingerprint ON credential (fingerprint);
CREATE INDEX credential_by_device ON credential (device, id);
CREATE INDEX credential_by_own_ca ON credential (own_ca) WHERE own_ca IS NOT NULL;
CREATE INDEX credential_by_key ON credential (key_hash);

ALTER TABLE credential ADD COLUMN algorithm TEXT;
ALTER TABLE credential ADD COLUMN signature TEXT;
ALTER TABLE credential ADD COLUMN secret BLOB;
ALTER TABLE credential ADD COLUMN request_id TEXT;
ALTER TABLE credential ADD COLUMN grace_until INTEGER;
ALTER TABLE credential ADD COLUMN cause TEXT;
ALTER TABLE credential ADD COLUMN fails INTEGER NOT NULL DEFAULT 0;
ALTER TABLE credential ADD COLUMN locked_until INTEGER;
ALTER TABLE credential ADD COLUMN ca_generation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE credential ADD COLUMN profile_version INTEGER NOT NULL DEFAULT 0;
-- What a revocation list says of a certificate, read from the index alone.
ALTER TABLE credential ADD COLUMN listed_at INTEGER;
-- Its holder is to get another one, and is told so when it asks.
ALTER TABLE credential ADD COLUMN wanted_at INTEGER;
ALTER TABLE credential ADD COLUMN confirm_by INTEGER;
UPDATE credential SET listed_at = revoked_at WHERE revoked_at IS NOT NULL;
CREATE INDEX credential_wanted ON credential (tenant, id) WHERE wanted_at IS NOT NULL;
CREATE INDEX credential_confirm ON credential (confirm_by) WHERE confirm_by IS NOT NULL;
CREATE INDEX credential_on_crl ON credential (ca, ca_generation, id, listed_at, not_after, serial, revoked_at, reason, invalid_at) WHERE listed_at IS NOT NULL;
CREATE TABLE crl_scope (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	ca INTEGER NOT NULL REFERENCES ca (id),
	generation INTEGER NOT NULL,
	shard INTEGER NOT NULL,
	full_number INTEGER NOT NULL,
	full_at INTEGER NOT NULL,
	full_next INTEGER NOT NULL,
	delta_number INTEGER NOT NULL,
	delta_at INTEGER NOT NULL,
	delta_next INTEGER NOT NULL,
	UNIQUE (ca, generation, shard)
);
CREATE INDEX credential_by_end ON credential (tenant, state, not_after, id);
CREATE UNIQUE INDEX credential_by_request ON credential (tenant, request_id) WHERE request_id IS NOT NULL;

-- Requests that went to a CA elsewhere.
CREATE TABLE ca_order (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	ca INTEGER NOT NULL REFERENCES ca (id),
	credential INTEGER NOT NULL REFERENCES credential (id),
	csr BLOB,
	reference TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	UNIQUE (credential)
);
CREATE INDEX ca_order_by_ca ON ca_order (ca, id);

-- Every text that a tenant's profile had; the one that has not ended counts.
CREATE TABLE profile_version (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	name TEXT NOT NULL,
	version INTEGER NOT NULL,
	body BLOB,
	actor TEXT NOT NULL,
	ended_ms INTEGER,
	created_ms INTEGER NOT NULL,
	UNIQUE (tenant, name, version)
);
CREATE UNIQUE INDEX profile_version_now ON profile_version (tenant, name) WHERE ended_ms IS NULL;

CREATE TABLE proposal (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	action TEXT NOT NULL,
	subject TEXT NOT NULL,
	body BLOB,
	state TEXT NOT NULL,
	need INTEGER NOT NULL,
	asked_by TEXT NOT NULL,
	decided TEXT NOT NULL,
	why TEXT NOT NULL,
	request_id TEXT,
	result INTEGER,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL
);
CREATE UNIQUE INDEX proposal_by_request ON proposal (tenant, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX proposal_by_state ON proposal (tenant, state, id);

CREATE TABLE job (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	actor TEXT NOT NULL,
	args TEXT NOT NULL,
	cursor TEXT NOT NULL,
	total INTEGER NOT NULL,
	done INTEGER NOT NULL,
	same INTEGER NOT NULL,
	wanted INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	said TEXT NOT NULL,
	lease_by TEXT NOT NULL,
	lease_until_ms INTEGER NOT NULL,
	created_ms INTEGER NOT NULL,
	started_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL
);
CREATE INDEX job_by_state ON job (state, id);
-- Rows that a job could not do.
CREATE TABLE job_error (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	job INTEGER NOT NULL REFERENCES job (id),
	name TEXT NOT NULL,
	error TEXT NOT NULL,
	why TEXT NOT NULL
);
CREATE INDEX job_error_by_job ON job_error (job, id);

CREATE TABLE account (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	name TEXT NOT NULL,
	role TEXT NOT NULL,
	state TEXT NOT NULL,
	verifier BLOB,
	fails INTEGER NOT NULL,
	locked_until INTEGER,
	seen_ms INTEGER,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL,
	UNIQUE (tenant, name)
);

-- What lets somebody in beside a password: of each the SHA-256 alone.
CREATE TABLE pass (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	kind TEXT NOT NULL,
	account INTEGER REFERENCES account (id),
	name TEXT NOT NULL,
	hash BLOB,
	role TEXT NOT NULL,
	verbs TEXT NOT NULL,
	until INTEGER,
	ended_ms INTEGER,
	seen_ms INTEGER,
	created_ms INTEGER NOT NULL
);
CREATE UNIQUE INDEX pass_by_hash ON pass (hash) WHERE ended_ms IS NULL;
CREATE INDEX pass_by_account ON pass (account, kind, id);

-- Answers to requests that may come again.
CREATE TABLE reply (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	key BLOB,
	digest BLOB,
	status INTEGER NOT NULL,
	type TEXT NOT NULL,
	body BLOB,
	created_ms INTEGER NOT NULL
);
CREATE UNIQUE INDEX reply_by_key ON reply (key);
CREATE INDEX reply_by_time ON reply (created_ms);

CREATE TABLE setting (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	UNIQUE (tenant, name)
);

-- How many there are of what, kept with each change: nobody counts a million rows to know.
CREATE TABLE tally (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	name TEXT NOT NULL,
	n INTEGER NOT NULL,
	UNIQUE (tenant, name)
);
-- An id is always given: PostgreSQL makes none.
INSERT INTO tally (id, tenant, name, n) SELECT row_number() OVER (ORDER BY tenant, name), tenant, name, n FROM (
	SELECT tenant, 'device/' || state AS name, count(*) AS n FROM device GROUP BY tenant, state
	UNION ALL
	SELECT tenant, kind || '/' || state AS name, count(*) AS n FROM credential GROUP BY tenant, kind, state
) AS counted;

CREATE INDEX event_by_time ON event (tenant, at_ms);
CREATE TABLE audit_mark (
	id INTEGER PRIMARY KEY,
	event INTEGER NOT NULL,
	hash BLOB,
	key_uri TEXT NOT NULL,
	signer BLOB,
	signature BLOB,
	next BLOB,
	at_ms INTEGER NOT NULL
);
CREATE INDEX audit_mark_by_event ON audit_mark (event);

-- Events that were verified and moved into a file.
CREATE TABLE audit_segment (
	id INTEGER PRIMARY KEY,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	hash BLOB,
	file TEXT NOT NULL,
	digest BLOB,
	at_ms INTEGER NOT NULL
);
