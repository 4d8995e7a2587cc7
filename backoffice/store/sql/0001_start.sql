-- The registry, certification authorities, credentials and the audit chain.
-- The columns are those of backoffice/store/record.c, in its order.
-- Rowid tables on purpose: an index on random serials costs less than a table in their order.

CREATE TABLE tenant (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	created_ms INTEGER NOT NULL
);
INSERT INTO tenant (id, name, created_ms) VALUES (1, 'default', 0);

CREATE TABLE device (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	device_id TEXT NOT NULL,
	name TEXT NOT NULL,
	ip TEXT NOT NULL,
	mac TEXT NOT NULL,
	hostname TEXT NOT NULL,
	os TEXT NOT NULL,
	state TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL
);
-- An id is free again once its device is deleted.
CREATE UNIQUE INDEX device_live ON device (tenant, device_id) WHERE state <> 'deleted';
CREATE INDEX device_by_id ON device (tenant, device_id, id);
CREATE INDEX device_by_state ON device (tenant, state, id);

CREATE TABLE ca (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	name TEXT NOT NULL,
	parent INTEGER REFERENCES ca (id),
	state TEXT NOT NULL,
	subject TEXT NOT NULL,
	key_uri TEXT NOT NULL,
	profile TEXT NOT NULL,
	cert BLOB,
	not_before INTEGER NOT NULL,
	not_after INTEGER NOT NULL,
	crl_number INTEGER NOT NULL,
	crl_at INTEGER NOT NULL,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL,
	UNIQUE (tenant, name)
);

CREATE TABLE credential (
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
	replaces INTEGER REFERENCES credential (id),
	revoked_at INTEGER,
	reason INTEGER NOT NULL,
	invalid_at INTEGER,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL,
	UNIQUE (ca, serial)
);
CREATE UNIQUE INDEX credential_by_fingerprint ON credential (fingerprint);
CREATE INDEX credential_by_serial ON credential (serial);
CREATE INDEX credential_by_device ON credential (device, id);
CREATE INDEX credential_by_own_ca ON credential (own_ca) WHERE own_ca IS NOT NULL;
CREATE INDEX credential_by_key ON credential (key_hash);
CREATE INDEX credential_by_end ON credential (tenant, state, not_after);
CREATE INDEX credential_on_crl ON credential (ca, id) WHERE revoked_at IS NOT NULL;

CREATE TABLE event (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	at_ms INTEGER NOT NULL,
	actor TEXT NOT NULL,
	action TEXT NOT NULL,
	subject TEXT NOT NULL,
	outcome TEXT NOT NULL,
	detail TEXT NOT NULL,
	hash BLOB
);
CREATE INDEX event_by_subject ON event (tenant, subject, id);

CREATE TABLE audit_head (
	id INTEGER PRIMARY KEY,
	count INTEGER NOT NULL,
	hash BLOB
);
INSERT INTO audit_head (id, count, hash) VALUES (1, 0, NULL);
