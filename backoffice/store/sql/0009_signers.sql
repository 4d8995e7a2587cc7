-- Who signs in the place of a CA's key: OCSP answers (purpose 0), or messages and keys that are made for devices (1).

ALTER TABLE ocsp_signer ADD COLUMN purpose INTEGER NOT NULL DEFAULT 0;
DROP INDEX ocsp_signer_of;
CREATE INDEX ocsp_signer_of ON ocsp_signer (ca, generation, purpose /*, id*/);

-- Those who sign messages were looked for among all certificates.
INSERT INTO ocsp_signer (id, tenant, ca, generation, credential, created_ms, purpose) SELECT (SELECT coalesce(max(ocsp_signer.id), 0) FROM ocsp_signer) + row_number() OVER (ORDER BY id), tenant, ca, ca_generation, id, created_ms, 1 FROM credential WHERE kind = 'certificate' AND state = 'active' AND profile = 'ra-signer' AND key_uri <> '' AND ca IS NOT NULL;
