/* policy - the rules. */
#include "pkcs11/token/policy.h"

#include <string.h>

#include "base/cryptoki/admin.h"
#include "pkcs11/token/keyder.h"
#include "base/cryptoki/paramset.h"

/* No part of a key that comes of a sensitive one is shorter: SP 800-57's 128 bits. */
#define FLOOR 16

/* ---- what an object is ---- */

static bool is(const struct attrs *key, CK_ATTRIBUTE_TYPE type)
{
	return attrs_bool(key, type, false);
}

static CK_OBJECT_CLASS class_of(const struct attrs *key)
{
	return attrs_ulong(key, CKA_CLASS, CK_UNAVAILABLE_INFORMATION);
}

bool policy_readable(const struct attrs *key)
{
	return !is(key, CKA_SENSITIVE) && is(key, CKA_EXTRACTABLE);
}

/* A key that may go to whatever calls itself another TPM is as good as readable. */
static bool is_open(const struct attrs *key)
{
	return !is(key, CKA_SENSITIVE) || is(key, CKA_INRO_DUPLICABLE);
}

static unsigned of_class(const struct attrs *key, unsigned secret, unsigned private)
{
	return class_of(key) == CKO_SECRET_KEY ? secret : private;
}

/* ---- strength ---- */

static const struct {
	unsigned bits, strength;
} rsa_strength[] = { { 15360, 256 }, { 7680, 192 }, { 3072, 128 }, { 2048, 112 }, { 1024, 80 } };

static unsigned strength_rsa(const struct attrs *key)
{
	size_t bits = 8 * attrs_bytes(key, CKA_MODULUS).n;

	for (size_t i = 0; i < ARRAY_LEN(rsa_strength); i++) {
		if (bits >= rsa_strength[i].bits)
			return rsa_strength[i].strength;
	}
	return 0;
}

static unsigned strength_ec(const struct attrs *key)
{
	const struct curve *curve;

	return curve_find(attrs_bytes(key, CKA_EC_PARAMS), &curve) ? 0 : curve->strength;
}

static unsigned strength_value(const struct attrs *key)
{
	CK_ULONG n = attrs_ulong(key, CKA_VALUE_LEN, 0);

	return n >= 32 ? 256 : (unsigned)n * 8;
}

/* SP 800-57: three keys give no more than this. */
static unsigned strength_des3(const struct attrs *key)
{
	(void)key;
	return 112;
}

static unsigned strength_chacha(const struct attrs *key)
{
	(void)key;
	return 256;
}

static unsigned strength_set(const struct attrs *key)
{
	CK_KEY_TYPE type = attrs_ulong(key, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
	const struct param_set *set;

	if (!paramset_find(type, attrs_ulong(key, CKA_PARAMETER_SET, 0), &set))
		return set->strength;
	return 256; /* what is not known counts as the strongest when it is to be wrapped */
}

static const struct {
	CK_KEY_TYPE type;
	unsigned (*of)(const struct attrs *key);
} strengths[] = {
	{ CKK_RSA, strength_rsa },	 { CKK_EC, strength_ec },
	{ CKK_EC_EDWARDS, strength_ec }, { CKK_EC_MONTGOMERY, strength_ec },
	{ CKK_DES3, strength_des3 },	 { CKK_CHACHA20, strength_chacha },
	{ CKK_ML_KEM, strength_set },	 { CKK_ML_DSA, strength_set },
	{ CKK_SLH_DSA, strength_set },
};

unsigned policy_strength(const struct attrs *key)
{
	CK_KEY_TYPE type = attrs_ulong(key, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);

	for (size_t i = 0; i < ARRAY_LEN(strengths); i++) {
		if (strengths[i].type == type)
			return strengths[i].of(key);
	}
	return strength_value(key);
}

/* ---- movers ---- */

/* Uses by which what the key has wrapped could be undone or its keystream seen. */
static const CK_ATTRIBUTE_TYPE data_uses[] = { CKA_ENCRYPT,	 CKA_DECRYPT, CKA_SIGN,
					       CKA_SIGN_RECOVER, CKA_DERIVE,  CKA_ENCAPSULATE,
					       CKA_DECAPSULATE };

static bool has_data_use(const struct attrs *key)
{
	for (size_t i = 0; i < ARRAY_LEN(data_uses); i++) {
		if (is(key, data_uses[i]))
			return true;
	}
	return false;
}

bool policy_may_gain(const struct attrs *key, CK_ATTRIBUTE_TYPE use)
{
	if (!is(key, CKA_INRO_MOVER))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(data_uses); i++) {
		if (data_uses[i] == use)
			return false;
	}
	return true;
}

enum inro_err policy_set_born(struct attrs *key)
{
	return attrs_set_bool(key, CKA_INRO_MOVER, !has_data_use(key));
}

static const struct {
	CK_MECHANISM_TYPE type;
	bool nonce; /* one that comes twice shows the keystream */
} sealing[] = {
	{ CKM_RSA_PKCS_OAEP, false },
	{ CKM_ECDH_AES_KEY_WRAP, false },
	{ CKM_RSA_AES_KEY_WRAP, false },
	{ CKM_AES_GCM, true },
	{ CKM_AES_CCM, true },
	{ CKM_AES_KEY_WRAP, false },
	{ CKM_AES_KEY_WRAP_PAD, false },
	{ CKM_AES_KEY_WRAP_KWP, false },
	{ CKM_AES_KEY_WRAP_PKCS7, false },
	{ CKM_CHACHA20_POLY1305, true },
};

/* Whether a mechanism is fit for sensitive keys; opening a blob needs no nonce of ours. */
static bool seals(CK_MECHANISM_TYPE mech, bool own_nonce)
{
	for (size_t i = 0; i < ARRAY_LEN(sealing); i++) {
		if (sealing[i].type == mech)
			return own_nonce || !sealing[i].nonce;
	}
	return false;
}

/* What holds for the secret half of a key that moves sensitive ones. */
static enum inro_err check_mover(const struct attrs *by)
{
	if (!is(by, CKA_INRO_MOVER) || has_data_use(by))
		return err_set(
			INRO_E_KEY_NOT_WRAPPABLE,
			"a sensitive key is wrapped only with one that was made for wrapping "
			"and unwrapping alone");
	if (is(by, CKA_EXTRACTABLE) || is(by, CKA_INRO_DUPLICABLE))
		return err_set(INRO_E_KEY_NOT_WRAPPABLE,
			       "a sensitive key is wrapped only with one that is not extractable");
	return INRO_OK;
}

static enum inro_err check_made_here(const struct attrs *by)
{
	if (is(by, CKA_LOCAL) && is(by, CKA_ALWAYS_SENSITIVE) && is(by, CKA_NEVER_EXTRACTABLE))
		return INRO_OK;
	return err_set(INRO_E_KEY_NOT_WRAPPABLE,
		       "a sensitive key is wrapped only with one that was generated in this token "
		       "and never left it, or that the SO has made CKA_TRUSTED");
}

static enum inro_err check_public(const struct policy_wrapping *w)
{
	enum inro_err e;

	if (is(w->by, CKA_TRUSTED))
		return w->half ? check_mover(w->half) : INRO_OK;
	if (!is(w->by, CKA_LOCAL) || !w->half)
		return err_set(INRO_E_KEY_NOT_WRAPPABLE,
			       "a sensitive key is wrapped with a public one only if its private "
			       "half was generated in this token, or if the SO trusts it");
	e = check_made_here(w->half);
	return e ? e : check_mover(w->half);
}

static enum inro_err check_secret(const struct policy_wrapping *w)
{
	enum inro_err e = is(w->by, CKA_TRUSTED) ? INRO_OK : check_made_here(w->by);

	return e ? e : check_mover(w->by);
}

/* ---- wrap ---- */

static enum inro_err check_target(const struct policy_wrapping *w)
{
	CK_OBJECT_CLASS class = class_of(w->key);

	if (class != CKO_SECRET_KEY && class != CKO_PRIVATE_KEY)
		return err_set(INRO_E_KEY_NOT_WRAPPABLE,
			       "only secret and private keys are wrapped");
	if (!is(w->key, CKA_EXTRACTABLE))
		return err_set(INRO_E_KEY_UNEXTRACTABLE, "the key is not extractable");
	if (is(w->key, CKA_SENSITIVE) && is(w->key, CKA_ALWAYS_AUTHENTICATE))
		return err_set(INRO_E_KEY_NOT_WRAPPABLE,
			       "a key that wants a login each time (CKA_ALWAYS_AUTHENTICATE) would "
			       "come back without");
	if (is(w->key, CKA_WRAP_WITH_TRUSTED) && !is(w->by, CKA_TRUSTED))
		return err_set(INRO_E_KEY_NOT_WRAPPABLE,
			       "the key is wrapped only with one that the SO has made CKA_TRUSTED");
	return INRO_OK;
}

/* With a value of the caller's KW makes blobs that KWP opens shorter, and the reverse. */
static bool is_sealed(const struct policy_wrapping *w)
{
	return seals(w->mech, w->own_nonce) && !w->chosen_iv;
}

static unsigned guard_strength(const struct policy_wrapping *w)
{
	unsigned by = policy_strength(w->by);

	return w->aes_bits && w->aes_bits < by ? w->aes_bits : by;
}

static enum inro_err check_sensitive(const struct policy_wrapping *w)
{
	enum inro_err e = class_of(w->by) == CKO_PUBLIC_KEY ? check_public(w) : check_secret(w);

	if (!e && !is_sealed(w))
		e = err_set(INRO_E_KEY_NOT_WRAPPABLE,
			    "mechanism 0x%lx does not authenticate, or its nonce or initial value "
			    "is not the token's: not for sensitive keys",
			    w->mech);
	if (!e && guard_strength(w) < policy_strength(w->key))
		e = err_set(INRO_E_WRAPPING_KEY_SIZE,
			    "a key of %u bits of strength can't guard one of %u", guard_strength(w),
			    policy_strength(w->key));
	return e;
}

/* What a readable key shows of the one that wraps it; a public key shows nothing. */
static void claim_readable(const struct policy_wrapping *w, struct role_claim *ret)
{
	if (is_sealed(w))
		return;
	ret->forbid = ROLES_WRAPPED;
	ret->add = is(w->by, CKA_INRO_MOVER) ? ROLE_LOOSE : 0;
}

static void claim_form(CK_MECHANISM_TYPE mech, struct role_claim *claim)
{
	static const struct {
		CK_MECHANISM_TYPE mech;
		unsigned forbid, add;
	} forms[] = {
		{ CKM_RSA_PKCS_OAEP, ROLE_WRAPPED_NESTED, ROLE_WRAPPED_DIRECT },
		{ CKM_RSA_AES_KEY_WRAP, ROLE_WRAPPED_DIRECT, ROLE_WRAPPED_NESTED },
	};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (forms[i].mech != mech)
			continue;
		claim->forbid |= forms[i].forbid;
		claim->add |= forms[i].add;
	}
}

enum inro_err policy_wrap(const struct policy_wrapping *w, struct role_claim *ret)
{
	enum inro_err e = check_target(w);
	unsigned others;

	if (e)
		return e;
	*ret = (struct role_claim) { .refusal = INRO_E_KEY_NOT_WRAPPABLE };
	if (!is(w->key, CKA_SENSITIVE)) {
		claim_readable(w, ret);
		return INRO_OK;
	}
	others = of_class(w->key, ROLE_WRAPPED_PRIVATE | ROLE_UNWRAPPED_PRIVATE,
			  ROLE_WRAPPED_SECRET | ROLE_UNWRAPPED_SECRET);
	ret->forbid = ROLE_UNWRAPPED_OPEN | ROLE_LOOSE | others;
	ret->add = of_class(w->key, ROLE_WRAPPED_SECRET, ROLE_WRAPPED_PRIVATE);
	if (is(w->key, CKA_WRAP_WITH_TRUSTED))
		ret->add |= ROLE_WRAPPED_BOUND;
	claim_form(w->mech, ret);
	return check_sensitive(w);
}

/* ---- unwrap ---- */

/* A key that is no mover never wraps a sensitive one, so what it makes needs no record. */
void policy_unwrap(const struct policy_unwrapping *u, struct role_claim *ret)
{
	bool open = is_open(u->made);
	unsigned role = of_class(u->made, ROLE_UNWRAPPED_SECRET, ROLE_UNWRAPPED_PRIVATE);

	*ret = (struct role_claim) { .refusal = INRO_E_TEMPLATE_INCONSISTENT };
	ret->forbid = of_class(u->made, ROLE_WRAPPED_PRIVATE, ROLE_WRAPPED_SECRET);
	if (open || !seals(u->mech, true))
		ret->forbid = ROLES_WRAPPED;
	if (u->mech == CKM_RSA_PKCS_OAEP)
		ret->forbid |= ROLE_WRAPPED_NESTED;
	if (!is(u->by, CKA_INRO_MOVER))
		return;
	ret->add = open ? role | ROLE_UNWRAPPED_OPEN : role;
	if (!seals(u->mech, true))
		ret->add |= ROLE_LOOSE;
}

/* Sets a flag unless the caller asked for its opposite. */
static enum inro_err force(struct template t, CK_ATTRIBUTE_TYPE type, bool value,
			   struct attrs *made)
{
	struct bytes given;

	if (template_get(t, type, &given) && given.n == 1 && (given.p[0] != CK_FALSE) != value)
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "attribute 0x%lx must be %s for what comes of this key", type,
			       value ? "true" : "false");
	return attrs_set_bool(made, type, value);
}

enum inro_err policy_bind(unsigned roles, struct template t, struct attrs *made)
{
	if (!(roles & ROLE_WRAPPED_BOUND))
		return INRO_OK;
	return force(t, CKA_WRAP_WITH_TRUSTED, true, made);
}

/* ---- derive ---- */

static enum inro_err inherit_flags(const struct attrs *base, struct template t, struct attrs *made)
{
	enum inro_err e = INRO_OK;

	if (is(base, CKA_SENSITIVE))
		e = force(t, CKA_SENSITIVE, true, made);
	if (!e && !is(base, CKA_EXTRACTABLE))
		e = force(t, CKA_EXTRACTABLE, false, made);
	if (!e && !policy_readable(base))
		e = force(t, CKA_INRO_DUPLICABLE, false, made);
	if (!e && is(base, CKA_WRAP_WITH_TRUSTED))
		e = force(t, CKA_WRAP_WITH_TRUSTED, true, made);
	return e;
}

/* Called once for each base, the second's history is added to the first's. */
static enum inro_err inherit_history(const struct attrs *base, struct attrs *made)
{
	bool always = attrs_bool(made, CKA_ALWAYS_SENSITIVE, true) &&
		      is(base, CKA_ALWAYS_SENSITIVE) && is(made, CKA_SENSITIVE);
	bool never = attrs_bool(made, CKA_NEVER_EXTRACTABLE, true) &&
		     is(base, CKA_NEVER_EXTRACTABLE) && !is(made, CKA_EXTRACTABLE);
	enum inro_err e = attrs_set_bool(made, CKA_ALWAYS_SENSITIVE, always);

	return e ? e : attrs_set_bool(made, CKA_NEVER_EXTRACTABLE, never);
}

enum inro_err policy_inherit(const struct attrs *base, struct template t, struct attrs *made)
{
	enum inro_err e = INRO_OK;

	if (class_of(base) == CKO_SECRET_KEY)
		e = inherit_flags(base, t, made);
	return e ? e : inherit_history(base, made);
}

size_t policy_floor(const struct attrs *base)
{
	return policy_readable(base) ? 0 : FLOOR;
}

/* ---- use ---- */

enum inro_err policy_use(unsigned roles, enum key_use use)
{
	const unsigned refused = USE_SIGN | USE_ENCRYPT | USE_DECRYPT | USE_DERIVE |
				 USE_SIGN_RECOVER | USE_DECAPSULATE;

	if (!(roles & ROLES_WRAPPED) || !(use & refused))
		return INRO_OK;
	return err_set(
		INRO_E_KEY_USE,
		"this key has wrapped a sensitive one: it wraps and unwraps, and does nothing "
		"else any more");
}

bool policy_mechanism(const struct attrs *key, CK_MECHANISM_TYPE mech)
{
	const struct attr *a = attrs_find(key, CKA_ALLOWED_MECHANISMS);
	struct bytes list = a ? attr_value(a) : BYTES_NONE;

	for (; list.n >= sizeof mech; list = BYTES(list.p + sizeof mech, list.n - sizeof mech)) {
		if (memcmp(list.p, &mech, sizeof mech) == 0)
			return true;
	}
	return !a;
}

/* ---- strict ---- */

static bool makes_known(const struct attrs *key)
{
	CK_OBJECT_CLASS class = class_of(key);

	return (class == CKO_SECRET_KEY || class == CKO_PRIVATE_KEY) && policy_readable(key);
}

enum inro_err policy_strict(const struct attrs *key)
{
	bool moves = is(key, CKA_WRAP) || is(key, CKA_UNWRAP);

	if (moves && has_data_use(key))
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "on a strict token a key that wraps or unwraps does nothing else");
	if (makes_known(key))
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "on a strict token private and secret keys are sensitive or not "
			       "extractable");
	if (is(key, CKA_WRAP) && attrs_has(key, CKA_LOCAL) && !is(key, CKA_LOCAL) &&
	    !is(key, CKA_TRUSTED))
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "on a strict token a key that came from outside does not wrap");
	return INRO_OK;
}

enum inro_err policy_strict_new(const struct attrs *key)
{
	if (is(key, CKA_INRO_DUPLICABLE))
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "on a strict token no key can be moved to another TPM");
	return policy_strict(key);
}
