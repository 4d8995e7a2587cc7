#include "backoffice/pki/crl_read.h"

#include "backoffice/pki/pem.h"
#include "base/der.h"

#define READ_MAX ((size_t)64 << 20)
#define CE(last) BYTES_LIT("\x55\x1d" last)
#define V2	 1

void crl_facts_clear(struct crl_facts *f)
{
	buf_clear(&f->der);
	*f = (struct crl_facts) { 0 };
}

/* What an extension says goes into *ret. */
typedef enum inro_err ext_reader_fn(struct bytes value, void *ret);
struct ext_reader {
	struct bytes oid;
	ext_reader_fn *read;
};

/* The content of Extensions; one that is critical and none of the readers' is refused in these
 * words.  The row without a reader ends the table. */
static enum inro_err read_extensions(struct bytes list, const struct ext_reader *readers,
				     const char *unknown, void *ret)
{
	enum inro_err e = INRO_OK;

	while (!e && list.n) {
		const struct ext_reader *r = readers;
		struct ext_one one;

		e = ext_next(&list, &one);
		while (!e && r->read && !bytes_equal(one.oid, r->oid))
			r++;
		if (!e && r->read)
			e = r->read(one.value, ret);
		else if (!e && one.critical)
			e = err_set(INRO_E_UNSUPPORTED, "%s", unknown);
	}
	return e;
}

static enum inro_err read_number(struct bytes value, void *ret)
{
	struct crl_facts *f = ret;
	struct bytes n;
	uint64_t v = 0;
	enum inro_err e = der_take_unsigned(&value, &n);

	if (e)
		return e;
	if (n.n > CRL_NUMBER_MAX)
		return err_set(INRO_E_SYNTAX, "a list with a number of more than %d octets", CRL_NUMBER_MAX);
	f->long_number = n.n > sizeof v || (n.n == sizeof v && n.p[0] & 0x80);
	for (size_t i = 0; !f->long_number && i < n.n; i++)
		v = v << 8 | n.p[i];
	f->number = (int64_t)v;
	return INRO_OK;
}

static enum inro_err refuse_delta(struct bytes value, void *ret)
{
	(void)value;
	(void)ret;
	return err_set(INRO_E_UNSUPPORTED, "it is a delta: give the complete list");
}

static const struct ext_reader list_readers[] = {
	{ CE("\x14"), read_number },
	{ CE("\x1b"), refuse_delta },
	{ .read = NULL },
};

static enum inro_err take_extensions(struct bytes *in, struct crl_facts *f)
{
	struct bytes wrapped, list;
	enum inro_err e;

	if (!in->n)
		return INRO_OK;
	e = der_take(in, DER_CONTEXT_CONSTRUCTED, &wrapped);
	if (!e)
		e = der_only(wrapped, DER_SEQUENCE, &list);
	if (!e && in->n)
		e = err_set(INRO_E_SYNTAX, "something follows the extensions of a list");
	return e ? e
		 : read_extensions(list, list_readers,
				   "it is a list of a part, or says something critical that is not "
				   "known here",
				   f);
}

static enum inro_err skip_time(struct bytes *in)
{
	int64_t next;
	int tag = der_peek(*in);

	if (tag != DER_UTC_TIME && tag != DER_GENERALIZED_TIME)
		return INRO_OK;
	return der_take_time(in, &next);
}

static enum inro_err read_tbs(struct crl_facts *f, struct bytes *ret_algorithm)
{
	struct bytes in;
	int64_t version = 0;
	enum inro_err e = der_only(f->tbs, DER_SEQUENCE, &in);

	if (!e && der_peek(in) == DER_INTEGER)
		e = der_take_int(&in, &version);
	if (!e && version != 0 && version != V2)
		e = err_set(INRO_E_UNSUPPORTED, "a list of a version that there is not");
	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, ret_algorithm);
	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, &f->issuer);
	if (!e)
		e = der_take_time(&in, &f->this_update);
	if (!e)
		e = skip_time(&in);
	if (!e && der_peek(in) == DER_SEQUENCE)
		e = der_take(&in, DER_SEQUENCE, &f->entries);
	return e ? e : take_extensions(&in, f);
}

static enum inro_err read_list(struct crl_facts *f)
{
	struct bytes in, inner = BYTES_NONE, outer = BYTES_NONE;
	enum inro_err e = der_only(buf_bytes(&f->der), DER_SEQUENCE, &in);

	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, &f->tbs);
	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, &outer);
	if (!e)
		e = der_take_bits(&in, &f->signature);
	if (!e)
		e = read_tbs(f, &inner);
	if (!e && (in.n || !bytes_equal(inner, outer)))
		e = err_set(INRO_E_SYNTAX, "a list with two algorithms, or something behind it");
	return e ? e : pki_sig_find(inner, &f->sig);
}

enum inro_err crl_read(struct bytes input, struct crl_facts *ret)
{
	SCOPED(crl_facts) f = { 0 };
	enum inro_err e = pem_or_der(input, PEM_CRL, READ_MAX, "revocation list", &f.der);

	if (!e)
		e = read_list(&f);
	if (e)
		return err_context(e, "revocation list");
	*ret = f;
	f = (struct crl_facts) { 0 };
	return INRO_OK;
}

enum inro_err crl_verify(const struct crl_facts *f, const struct cert *issuer)
{
	enum inro_err e = INRO_OK;

	if (!bytes_equal(f->issuer, issuer->subject))
		e = err_set(INRO_E_SIGNATURE, "it is another CA's");
	if (!e && issuer->ext.has_key_usage && !(issuer->ext.key_usage & USAGE_CRL_SIGN)) /* RFC 5280 6.3.3 (f) */
		e = err_set(INRO_E_POLICY, "the CA's certificate does not allow its key to sign lists (cRLSign)");
	if (!e)
		e = pubkey_verify(&issuer->key, f->sig, f->tbs, f->signature);
	return e ? err_context(e, "revocation list") : INRO_OK;
}

static enum inro_err read_reason(struct bytes value, void *ret)
{
	struct crl_entry *entry = ret;
	struct bytes v;
	enum inro_err e = der_only(value, DER_ENUMERATED, &v);

	if (!e && (v.n != 1 || !crl_reason_name(v.p[0]) || v.p[0] == CRL_REMOVE))
		e = err_set(INRO_E_SYNTAX, "a list entry with a reason that there is not");
	if (!e)
		entry->reason = (enum crl_reason)v.p[0];
	return e;
}

static enum inro_err read_invalidity(struct bytes value, void *ret)
{
	struct crl_entry *entry = ret;

	return der_take_time(&value, &entry->invalid_since);
}

static const struct ext_reader entry_readers[] = {
	{ CE("\x15"), read_reason },
	{ CE("\x18"), read_invalidity },
	{ .read = NULL },
};

enum inro_err crl_next(struct bytes *entries, struct crl_entry *ret)
{
	struct crl_entry entry = { 0 };
	struct bytes seq, list;
	enum inro_err e = der_take(entries, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take_unsigned(&seq, &entry.serial);
	if (!e && (!entry.serial.n || entry.serial.n > CERT_SERIAL_MAX))
		e = err_set(INRO_E_SYNTAX, "a list entry without a right serial");
	if (!e)
		e = der_take_time(&seq, &entry.revoked_at);
	if (!e && seq.n) {
		e = der_only(seq, DER_SEQUENCE, &list);
		if (!e)
			e = read_extensions(list, entry_readers,
					    "an entry of another issuer's certificate, or with "
					    "something critical unknown",
					    &entry);
	}
	if (e)
		return err_context(e, "revocation list");
	*ret = entry;
	return INRO_OK;
}
