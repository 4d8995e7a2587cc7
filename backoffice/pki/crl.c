#include "backoffice/pki/crl.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "backoffice/pki/dn.h"
#include "base/der.h"

#define V2 1

static const struct bytes oid_reason = BYTES_LIT("\x55\x1d\x15"),
			  oid_invalidity = BYTES_LIT("\x55\x1d\x18");

static const char *const reasons[CRL_REASON__MAX] = {
	[CRL_UNSPECIFIED] = "unspecified",
	[CRL_KEY_COMPROMISE] = "keyCompromise",
	[CRL_CA_COMPROMISE] = "cACompromise",
	[CRL_AFFILIATION_CHANGED] = "affiliationChanged",
	[CRL_SUPERSEDED] = "superseded",
	[CRL_CESSATION] = "cessationOfOperation",
	[CRL_HOLD] = "certificateHold",
	[CRL_REMOVE] = "removeFromCRL",
	[CRL_PRIVILEGE_WITHDRAWN] = "privilegeWithdrawn",
	[CRL_AA_COMPROMISE] = "aACompromise",
};

const char *crl_reason_name(unsigned reason)
{
	return reason < CRL_REASON__MAX ? reasons[reason] : NULL;
}

enum inro_err crl_reason_find(const char *name, enum crl_reason *ret)
{
	SCOPED(buf) known = { 0 };

	for (unsigned i = 0; i < CRL_REASON__MAX; i++) {
		if (!reasons[i])
			continue;
		if (!strcasecmp(reasons[i], name)) {
			*ret = (enum crl_reason)i;
			return INRO_OK;
		}
		buf_addf(&known, "%s%s", known.n ? ", " : "", reasons[i]);
	}
	return err_set(INRO_E_ARG, "no reason is called '%.64s'; there are %.*s", name,
		       (int)known.n, (const char *)known.p);
}

void crl_clear(struct crl *c)
{
	buf_clear(&c->entries);
	c->n = 0;
}

void crl_begin(struct crl *c)
{
	*c = (struct crl) { .entries = { .max = CRL_MAX } };
}

/* RFC 5280 5.3.2: always GeneralizedTime, even before 2050. */
static void add_generalized(struct buf *b, int64_t when)
{
	char text[32];
	struct tm tm = { 0 };
	time_t t = (time_t)when;
	size_t n = gmtime_r(&t, &tm) ? strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &tm) : 0;

	der_add(b, DER_GENERALIZED_TIME, BYTES(text, n));
}

static void add_reason(struct buf *b, enum crl_reason reason)
{
	uint8_t octet = (uint8_t)reason;
	size_t seq = der_begin(b, DER_SEQUENCE), value;

	der_add(b, DER_OID, oid_reason);
	value = der_begin(b, DER_OCTET_STRING);
	der_add(b, DER_ENUMERATED, BYTES(&octet, 1));
	der_end(b, value);
	der_end(b, seq);
}

static void add_invalidity(struct buf *b, int64_t since)
{
	size_t seq = der_begin(b, DER_SEQUENCE), value;

	der_add(b, DER_OID, oid_invalidity);
	value = der_begin(b, DER_OCTET_STRING);
	add_generalized(b, since);
	der_end(b, value);
	der_end(b, seq);
}

enum inro_err crl_add(struct crl *c, const struct crl_entry *e)
{
	struct buf *b = &c->entries;
	size_t seq, list;

	if (!crl_reason_name(e->reason) || e->serial.n == 0 || e->serial.n > CERT_SERIAL_MAX)
		return err_set(INRO_E_ARG, "a list entry without a right serial or reason");
	seq = der_begin(b, DER_SEQUENCE);
	der_add_unsigned(b, e->serial);
	der_add_time(b, e->revoked_at);
	if (e->reason != CRL_UNSPECIFIED || e->invalid_since) {
		list = der_begin(b, DER_SEQUENCE);
		if (e->reason != CRL_UNSPECIFIED)
			add_reason(b, e->reason);
		if (e->invalid_since)
			add_invalidity(b, e->invalid_since);
		der_end(b, list);
	}
	der_end(b, seq);
	c->n++;
	return buf_err(b);
}

static void add_extensions(struct buf *b, const struct crl_head *h, struct bytes key_id)
{
	size_t wrapped = der_begin(b, DER_CONTEXT_CONSTRUCTED);
	size_t list = der_begin(b, DER_SEQUENCE);
	SCOPED(buf) number = { 0 };

	buf_add_u64(&number, h->number);
	ext_add_aki(b, key_id);
	ext_add_crl_number(b, buf_bytes(&number));
	der_end(b, list);
	der_end(b, wrapped);
}

static enum inro_err check_head(const struct crl_head *h)
{
	const struct cert *ca = h->issuer;

	if (h->next_update <= h->this_update)
		return err_set(INRO_E_ARG, "a list whose next update is not after this one");
	if (ca->ext.has_key_usage && !(ca->ext.key_usage & USAGE_CRL_SIGN))
		return err_set(INRO_E_POLICY, "the CA's certificate does not allow its key to sign "
					      "revocation lists");
	return INRO_OK;
}

enum inro_err crl_tbs(const struct crl *c, const struct crl_head *head, struct buf *ret_tbs,
		      const struct pki_sig **ret_sig)
{
	const struct cert *ca = head->issuer;
	uint8_t id[PUBKEY_ID_OCTETS];
	struct bytes key_id = ca->ext.ski;
	const struct pki_sig *sig;
	size_t tbs;
	enum inro_err e = check_head(head);

	if (!e)
		e = c->entries.err;
	if (!e)
		e = pki_sig_for(ca->key.type, head->hash, &sig);
	if (!e && key_id.n == 0) {
		e = pubkey_id(&ca->key, id);
		key_id = BYTES(id, sizeof id);
	}
	if (e)
		return e;
	ret_tbs->max = CRL_MAX;
	tbs = der_begin(ret_tbs, DER_SEQUENCE);
	der_add_int(ret_tbs, V2);
	buf_add(ret_tbs, sig->identifier);
	buf_add(ret_tbs, ca->subject);
	der_add_time(ret_tbs, head->this_update);
	der_add_time(ret_tbs, head->next_update);
	if (c->n) /* RFC 5280 5.1.2.6: absent when there is none */
		der_add(ret_tbs, DER_SEQUENCE, buf_bytes(&c->entries));
	add_extensions(ret_tbs, head, key_id);
	der_end(ret_tbs, tbs);
	*ret_sig = sig;
	return buf_err(ret_tbs);
}
