/*
 * who - whose a message is: its protection checked, its sender known.
 *
 * 1. A MAC is compared in a time that does not depend on how much of it is right, and made also for a name that
 *    is nobody's; each try is counted (network.h).
 * 2. A signature is checked before anything is asked of the database.
 */
#include <string.h>

#include "backoffice/cmp/turn.h"
#include "backoffice/core/audit.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/unnamed.h"
#include "backoffice/pki/cert.h"
#include "base/secret.h"

static enum inro_err unknown(struct turn *t)
{
	return turn_refuse(t, CMP_FAIL_BAD_MESSAGE_CHECK, INRO_E_LOGIN,
			   "the message's protection is not that of a device that is known here (a pre-shared key "
			   "of which only a hash is kept protects none: use a certificate, or EST)");
}

/* ---- under a pre-shared key ---- */

static enum inro_err mac_is_right(struct turn *t, struct bytes secret, bool *ret)
{
	SCOPED(buf) part = { 0 };
	uint8_t mac[CMP_MAC_MAX];
	size_t n = 0;
	enum inro_err e;

	cmp_protected_part(t->in.header, t->in.body_whole, &part);
	e = buf_err(&part);
	if (e == INRO_OK)
		e = cmp_pbm_mac(&t->pbm, secret, buf_bytes(&part), mac, &n);
	*ret = e == INRO_OK && secret_equal(BYTES(mac, n), t->in.protection);
	return e;
}

/* What names nobody has nothing that its time could tell, and is not counted as a try. */
static bool is_name(struct bytes kid)
{
	return kid.n && kid.n <= CMP_KID_MAX && !memchr(kid.p, 0, kid.n);
}

static enum inro_err key_of(struct turn *t, struct core_who *ret, struct psk_good *ret_psk)
{
	char name[CMP_KID_MAX + 1];
	struct bytes kid = t->in.sender_kid;
	enum inro_err e;

	if (!is_name(kid))
		return unnamed_refused(t->core, unknown(t));
	memcpy(name, kid.p, kid.n);
	name[kid.n] = 0;
	e = who_named(t->core, name, ret, &t->device, ret_psk);
	return e == INRO_E_LOGIN ? unknown(t) : e;
}

/* The one of them that made the MAC is the one that protects the answer. */
static enum inro_err try_keys(struct turn *t, struct psk_good *known, bool *ret)
{
	struct secret *keys[] = { &known->now, &known->before };
	enum inro_err e = INRO_OK;

	*ret = false;
	for (size_t i = 0; e == INRO_OK && !*ret && i < ARRAY_LEN(keys); i++) {
		if (!keys[i]->n)
			continue;
		e = mac_is_right(t, secret_bytes(keys[i]), ret);
		if (!*ret)
			continue;
		t->psk = *keys[i];
		*keys[i] = (struct secret) { 0 };
	}
	return e;
}

/* How many rounds there are says who asks: a name that is nobody's is not to be told by its time. */
static void try_nothing(struct turn *t)
{
	bool right = false;

	if (mac_is_right(t, bytes_of("nobody's"), &right) != INRO_OK)
		err_reset();
}

static enum inro_err know_by_mac(struct turn *t, struct core_who *ret)
{
	SCOPED(psk_good) known = { 0 };
	bool right = false;
	enum inro_err e = cmp_pbm_read(t->in.algorithm, &t->pbm);

	if (e == INRO_E_UNSUPPORTED)
		t->fail = CMP_FAIL_BAD_ALG;
	if (e == INRO_OK)
		e = key_of(t, ret, &known);
	if (e == INRO_E_LOGIN && is_name(t->in.sender_kid))
		try_nothing(t);
	if (e == INRO_OK)
		e = try_keys(t, &known, &right);
	if (e == INRO_OK)
		e = who_tried(t->core, ret, right);
	return e == INRO_E_LOGIN ? unknown(t) : e;
}

/* ---- by a certificate ---- */

static enum inro_err check_signature(struct turn *t)
{
	SCOPED(cert) cert = { 0 };
	SCOPED(buf) part = { 0 };
	const struct pki_sig *sig = NULL;
	enum inro_err e;

	if (!t->in.n_certs)
		return turn_refuse(t, CMP_FAIL_SIGNER_NOT_TRUSTED, INRO_E_LOGIN,
				   "the signer's certificate is missing in extraCerts");
	e = pki_sig_find(t->in.algorithm, &sig);
	if (e != INRO_OK) {
		t->fail = CMP_FAIL_BAD_ALG;
		return e;
	}
	e = cert_read(t->in.certs[0], &cert);
	cmp_protected_part(t->in.header, t->in.body_whole, &part);
	if (e == INRO_OK)
		e = buf_err(&part);
	if (e == INRO_OK)
		e = pubkey_verify(&cert.key, sig, buf_bytes(&part), t->in.protection);
	if (e == INRO_OK && t->in.sender_kid.n && cert.ext.ski.n &&
	    !bytes_equal(t->in.sender_kid, cert.ext.ski))
		e = INRO_E_SIGNATURE;
	if (e != INRO_OK)
		return e == INRO_E_NO_MEMORY ? e : unknown(t);
	if (!cert_may_sign(&cert))
		return turn_refuse(t, CMP_FAIL_SIGNER_NOT_TRUSTED, INRO_E_LOGIN,
				   "the signer's certificate has no digitalSignature in its key usage");
	return INRO_OK;
}

static enum inro_err know_by_signature(struct turn *t, struct core_who *ret)
{
	enum inro_err e = check_signature(t);

	if (e == INRO_E_LOGIN)
		return unnamed_refused(t->core, e);
	if (e == INRO_OK)
		e = who_by_certificate(t->core, t->in.certs[0], ret, &t->device);
	if (e == INRO_E_LOGIN && t->fail == CMP_FAIL_NONE)
		return turn_refuse(t, CMP_FAIL_SIGNER_NOT_TRUSTED, e,
				   "the signer's certificate is none of a device that may come in");
	return e;
}

/* ---- both ---- */

static const char *label_of(const struct turn *t)
{
	return t->label_text ? t->label_text : t->options->label;
}

/* Without one the sender gets an answer that nobody signed. */
static enum inro_err find_signer(struct turn *t)
{
	enum inro_err e = signer_of(t->core, t->label.ca, &t->signer);

	t->mute = e != INRO_OK;
	if (t->mute)
		t->fail = CMP_FAIL_SYSTEM_UNAVAIL;
	return e;
}

static enum inro_err enter(struct turn *t, const struct core_who *who)
{
	enum inro_err e = http_account(t->call, who->account, who->device);

	if (e == INRO_OK)
		e = core_become(t->core, who);

	if (e == INRO_OK && !t->device.id)
		e = audit_refused(t->core, "certificate.issue", "user", who->actor,
				  turn_refuse(t, CMP_FAIL_NOT_AUTHORIZED, INRO_E_ACCESS, "only a device enrols"));
	t->known = e == INRO_OK;
	if (e == INRO_OK)
		e = label_for(t->core, label_of(t), &t->device, &t->label);
	if (e == INRO_E_NOT_FOUND)
		t->fail = CMP_FAIL_BAD_REQUEST;
	/* Before anything is done that could not be answered. */
	return e == INRO_OK && !t->by_mac ? find_signer(t) : e;
}

enum inro_err turn_know(struct turn *t)
{
	struct core_who who = { 0 };
	enum inro_err e;

	if (!t->in.algorithm.n)
		return unnamed_refused(t->core, turn_refuse(t, CMP_FAIL_BAD_MESSAGE_CHECK, INRO_E_LOGIN,
							    "a message without protection"));
	t->by_mac = cmp_is_pbm(t->in.algorithm);
	e = t->by_mac ? know_by_mac(t, &who) : know_by_signature(t, &who);
	return e == INRO_OK ? enter(t, &who) : e;
}
