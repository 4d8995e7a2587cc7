-- CAs elsewhere that are asked over the network.

-- How one is reached; `secret` says where the password is, not what it is.
CREATE TABLE ca_way (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	ca INTEGER NOT NULL REFERENCES ca (id),
	url TEXT NOT NULL,
	label TEXT NOT NULL,
	trust BLOB,
	account TEXT NOT NULL,
	secret TEXT NOT NULL,
	cert BLOB,
	key_uri TEXT NOT NULL,
	proxy TEXT NOT NULL,
	seconds INTEGER NOT NULL,
	tries INTEGER NOT NULL,
	due_ms INTEGER NOT NULL,
	why TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	UNIQUE (ca)
);
ALTER TABLE ca_order ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ca_order ADD COLUMN due_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ca_order ADD COLUMN why TEXT NOT NULL DEFAULT '';
