/* likeness - see likeness.h. */
#include "backoffice/core/db/likeness.h"

#include <string.h>

#include "backoffice/pki/cert.h"
#include "backoffice/pki/crypt.h"
#include "backoffice/pki/dn.h"

static enum inro_err subject_is(const struct credential *rec, const struct cert *cert, bool *ret)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e = dn_text(cert->subject, &text);

	buf_add_u8(&text, 0);
	if (e == INRO_OK)
		e = buf_err(&text);
	if (e == INRO_OK)
		*ret = strcmp((const char *)text.p, text_or_empty(rec->subject)) == 0;
	return e;
}

static enum inro_err key_is(const struct credential *rec, const struct cert *cert, bool *ret)
{
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e = pubkey_print(&cert->key, hash);

	if (e == INRO_OK)
		*ret = bytes_equal(blob_bytes(&rec->key_hash),
				   BYTES(hash, PUBKEY_PRINT));
	return e;
}

/* What an older record may leave to the certificate. */
static bool is_or_unsaid(const char *said, const char *is)
{
	return !said || strcmp(said, is) == 0;
}

static enum inro_err compare(const struct credential *rec, const struct cert *cert,
			     const char **ret_what)
{
	char algorithm[PUBKEY_NAME_MAX];
	bool subject = false, key = false;
	enum inro_err e = subject_is(rec, cert, &subject);

	if (e == INRO_OK)
		e = key_is(rec, cert, &key);
	pubkey_name(&cert->key, algorithm, sizeof algorithm);
	const struct {
		const char *what;
		bool same;
	} parts[] = {
		{ "serial number", bytes_equal(blob_bytes(&rec->serial), cert->serial) },
		{ "SHA-256", bytes_equal(blob_bytes(&rec->fingerprint),
					 BYTES(cert->fingerprint, CERT_FINGERPRINT)) },
		{ "subject", subject },
		{ "key's SHA-256", key },
		{ "beginning", rec->not_before == cert->not_before },
		{ "end", rec->not_after == cert->not_after },
		{ "key type", is_or_unsaid(rec->algorithm, algorithm) },
		{ "signature's algorithm", is_or_unsaid(rec->signature, cert->sig->name) },
	};

	*ret_what = NULL;
	for (size_t i = 0; !*ret_what && i < ARRAY_LEN(parts); i++)
		*ret_what = parts[i].same ? NULL : parts[i].what;
	return e;
}

enum inro_err likeness_check(const struct credential *rec)
{
	SCOPED(cert) cert = { 0 };
	const char *what = NULL;
	enum inro_err e;

	if (!rec->cert.n)
		return INRO_OK;
	e = cert_read(blob_bytes(&rec->cert), &cert);
	if (e == INRO_OK)
		e = compare(rec, &cert, &what);
	if (e == INRO_E_NO_MEMORY)
		return e;
	if (e != INRO_OK)
		return err_set(INRO_E_DAMAGED, "the certificate in record %lld can't be read: %s",
			       (long long)rec->id, err_detail(e));
	if (what)
		return err_set(INRO_E_DAMAGED,
			       "record %lld says another %s than the certificate in it: it was "
			       "changed by something other than Inro",
			       (long long)rec->id, what);
	return INRO_OK;
}
