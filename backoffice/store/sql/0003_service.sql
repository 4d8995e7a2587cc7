-- What servers that share a database tell each other.

-- Work that one process at a time does, and until when no other need look at it.
CREATE TABLE lease (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	holder TEXT NOT NULL,
	until_ms INTEGER NOT NULL
);

-- Certificates of which something else is to be said than before, in the order in which that was written.  Servers
-- ask for what came behind the last one that they know: the newest row is never deleted.
CREATE TABLE status_change (
	id INTEGER PRIMARY KEY,
	ca INTEGER NOT NULL REFERENCES ca (id),
	generation INTEGER NOT NULL,
	serial BLOB,
	at_ms INTEGER NOT NULL
);

-- The certificates that answer in the place of a CA's key; the newest one does.
CREATE TABLE ocsp_signer (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	ca INTEGER NOT NULL REFERENCES ca (id),
	generation INTEGER NOT NULL,
	credential INTEGER NOT NULL REFERENCES credential (id),
	created_ms INTEGER NOT NULL
);
CREATE INDEX ocsp_signer_of ON ocsp_signer (ca, generation, id);

-- Revocation lists as they are given out, in pieces.
CREATE TABLE crl_piece (
	id INTEGER PRIMARY KEY,
	ca INTEGER NOT NULL REFERENCES ca (id),
	generation INTEGER NOT NULL,
	shard INTEGER NOT NULL,
	delta INTEGER NOT NULL,
	number INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	this_update INTEGER NOT NULL,
	next_update INTEGER NOT NULL,
	ended INTEGER NOT NULL,
	body BLOB,
	UNIQUE (ca, generation, shard, delta, number, seq)
);

-- What operators want devices to do, for their agents to come for.
CREATE TABLE errand (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	device INTEGER NOT NULL REFERENCES device (id),
	verb TEXT NOT NULL,
	argument TEXT NOT NULL,
	state TEXT NOT NULL,
	actor TEXT NOT NULL,
	answer TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	ended_ms INTEGER
);
CREATE INDEX errand_of_device ON errand (device, id);
