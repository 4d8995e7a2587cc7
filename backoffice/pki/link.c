#include "backoffice/pki/link.h"

#include "base/der.h"

static enum inro_err add_extensions(struct buf *b, const struct link_plan *in)
{
	uint8_t id[PUBKEY_ID_OCTETS];
	struct bytes key_id = in->issuer->ext.ski;
	enum inro_err e = ext_copy(b, in->of->ext.all);

	if (e == INRO_OK && !key_id.n) {
		e = pubkey_id(&in->issuer->key, id);
		key_id = BYTES(id, sizeof id);
	}
	if (e == INRO_OK)
		ext_add_aki(b, key_id);
	return e;
}

static enum inro_err add_tbs(struct buf *b, const struct link_plan *in, const struct pki_sig *sig)
{
	uint8_t serial[CERT_SERIAL_OCTETS];
	size_t tbs = der_begin(b, DER_SEQUENCE), mark = der_begin(b, DER_CONTEXT_CONSTRUCTED), list;
	enum inro_err e = cert_serial(serial);

	der_add_int(b, 2); /* v3 */
	der_end(b, mark);
	der_add_unsigned(b, BYTES(serial, sizeof serial));
	buf_add(b, sig->identifier);
	buf_add(b, in->issuer->subject);
	mark = der_begin(b, DER_SEQUENCE);
	der_add_time(b, in->not_before);
	der_add_time(b, in->not_after);
	der_end(b, mark);
	buf_add(b, in->of->subject);
	buf_add(b, in->of->key.spki);
	mark = der_begin(b, DER_CONTEXT_CONSTRUCTED | 3);
	list = der_begin(b, DER_SEQUENCE);
	if (e == INRO_OK)
		e = add_extensions(b, in);
	der_end(b, list);
	der_end(b, mark);
	der_end(b, tbs);
	return e == INRO_OK ? buf_err(b) : e;
}

enum inro_err link_tbs(const struct link_plan *in, struct buf *ret, const struct pki_sig **ret_sig)
{
	const struct pki_sig *sig = NULL;
	enum inro_err e = cert_check_ca(in->issuer);

	if (e == INRO_OK)
		e = cert_check_ca(in->of);
	if (e == INRO_OK)
		e = pubkey_sig(&in->issuer->key, PKI_HASH_NONE, &sig);
	if (e == INRO_OK)
		e = add_tbs(ret, in, sig);
	if (e == INRO_OK)
		*ret_sig = sig;
	return e;
}
