-- Challenges for TPMs that have not been answered yet.  No answer is right for one without a device.

CREATE TABLE tpm_challenge (
	id INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL REFERENCES tenant (id),
	nonce BLOB,
	device INTEGER REFERENCES device (id),
	whose BLOB,
	peer TEXT NOT NULL,
	ak BLOB,
	ek BLOB,
	answer BLOB,
	until_ms INTEGER NOT NULL
);
CREATE UNIQUE INDEX tpm_challenge_by_nonce ON tpm_challenge (nonce);
CREATE INDEX tpm_challenge_by_whose ON tpm_challenge (whose, id);
CREATE INDEX tpm_challenge_by_peer ON tpm_challenge (peer);
CREATE INDEX tpm_challenge_by_time ON tpm_challenge (until_ms);
CREATE INDEX tpm_challenge_by_device ON tpm_challenge (device);
