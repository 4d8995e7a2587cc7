-- The same in fewer octets.
-- SQLite has a row's id at the end of each index by itself: there it would stand twice.

DROP INDEX device_live;
DROP INDEX device_by_id;
DROP INDEX device_by_state;
DROP INDEX device_by_group;
DROP INDEX device_by_name;
DROP INDEX device_by_hostname;
DROP INDEX device_by_mac;
DROP INDEX device_by_ip;
-- An id is free again once its device is deleted: those that are there have a 0 behind it.
CREATE UNIQUE INDEX device_by_id ON device (tenant, device_id, (CASE WHEN state = 'deleted' THEN id ELSE 0 END));
CREATE INDEX device_by_state ON device (tenant, state /*, id*/);
CREATE INDEX device_by_group ON device (grp, state /*, id*/) WHERE grp IS NOT NULL;
CREATE INDEX device_by_name ON device (tenant, name /*, id*/);
CREATE INDEX device_by_hostname ON device (tenant, hostname /*, id*/);
CREATE INDEX device_by_mac ON device (tenant, mac /*, id*/);
CREATE INDEX device_by_ip ON device (tenant, ip /*, id*/);

DROP INDEX credential_by_device;
DROP INDEX credential_by_end;
DROP INDEX credential_by_fingerprint;
DROP INDEX credential_by_key;
CREATE INDEX credential_by_device ON credential (device /*, id*/);
CREATE INDEX credential_by_end ON credential (tenant, state, not_after /*, id*/);
-- Of a hash what tells it from all others; and keys have none.
CREATE UNIQUE INDEX credential_by_fingerprint ON credential (substr(fingerprint, 1, 12)) WHERE fingerprint IS NOT NULL;
CREATE INDEX credential_by_key ON credential (substr(key_hash, 1, 12)) WHERE key_hash IS NOT NULL;

DROP INDEX event_by_subject;
CREATE INDEX event_by_subject ON event (tenant, subject /*, id*/);

-- The first certificate by a CA's key and a profile: the others are stored as they differ from it.
CREATE TABLE cert_form (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	ca INTEGER NOT NULL REFERENCES ca (id),
	ca_generation INTEGER NOT NULL,
	profile TEXT NOT NULL,
	profile_version INTEGER NOT NULL,
	algorithm TEXT NOT NULL,
	body BLOB NOT NULL,
	created_ms INTEGER NOT NULL,
	UNIQUE (ca, ca_generation, profile, profile_version, algorithm)
);
ALTER TABLE credential ADD COLUMN form INTEGER REFERENCES cert_form (id);
