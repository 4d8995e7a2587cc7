#include "tpm/token/place.h"

#include <stdlib.h>

#include "base/own.h"
#include "tpm/token/tkey.h"

/* What the TPM does for a key, whatever the mechanism. */
struct can_use {
	enum key_kind kind;
	CK_KEY_TYPE type; /* of secret keys; CK_UNAVAILABLE_INFORMATION: all others */
	unsigned uses;
};

static const struct can_use can_use[] = {
	{ KEY_RSA, 0, USE_SIGN | USE_SIGN_RECOVER | USE_DECRYPT | USE_UNWRAP },
	{ KEY_EC, 0, USE_SIGN | USE_DERIVE | USE_UNWRAP },
	{ KEY_SECRET, CKK_AES, USE_ENCRYPT | USE_DECRYPT },
	{ KEY_SECRET, CK_UNAVAILABLE_INFORMATION, USE_SIGN | USE_VERIFY },
};

/* Of a pair these are the public half's, which needs no TPM. */
#define PUBLIC_USES (USE_ENCRYPT | USE_VERIFY | USE_VERIFY_RECOVER | USE_WRAP | USE_ENCAPSULATE)

static unsigned uses_of(const struct key_spec *spec)
{
	return spec->kind == KEY_SECRET ? spec->uses : spec->uses & ~(unsigned)PUBLIC_USES;
}

static bool row_fits(const struct can_use *row, const struct key_spec *spec)
{
	if (row->kind != spec->kind)
		return false;
	return spec->kind != KEY_SECRET || row->type == spec->key_type ||
	       row->type == CK_UNAVAILABLE_INFORMATION;
}

static bool uses_fit(const struct key_spec *spec)
{
	for (size_t i = 0; i < ARRAY_LEN(can_use); i++)
		if (row_fits(&can_use[i], spec))
			return (uses_of(spec) & ~can_use[i].uses) == 0;
	return false;
}

/* What comes out of the TPM when it has done its part becomes a key here. */
static const struct {
	CK_MECHANISM_TYPE mech;
	enum key_kind kind;
} unwraps[] = {
	{ CKM_RSA_PKCS, KEY_RSA },
	{ CKM_RSA_PKCS_OAEP, KEY_RSA },
	{ CKM_RSA_AES_KEY_WRAP, KEY_RSA },
	{ CKM_ECDH_AES_KEY_WRAP, KEY_EC },
};

static bool can_unwrap(const struct key_spec *spec, CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < ARRAY_LEN(unwraps); i++)
		if (unwraps[i].mech == mech && unwraps[i].kind == spec->kind)
			return true;
	return false;
}

/* Every use of the key that the mechanism is for. */
static bool does(uint32_t caps, const struct key_spec *spec, CK_MECHANISM_TYPE mech)
{
	unsigned uses = uses_of(spec);

	if (uses & USE_UNWRAP && can_unwrap(spec, mech))
		return true;
	for (unsigned use = 1; use <= uses; use <<= 1)
		if (uses & use && tkey_can_do(caps, spec, mech, (enum key_use)use))
			return true;
	return false;
}

static bool mechanisms_fit(uint32_t caps, const struct key_spec *spec)
{
	for (size_t i = 0; spec->allowed && i < spec->allowed_n; i++)
		if (!does(caps, spec, spec->allowed[i]))
			return false;
	return true;
}

static bool can_hold(uint32_t caps, const struct key_spec *spec, enum place_born born)
{
	if (spec->extractable)
		return false;
	return born == PLACE_GENERATED ? tkey_can_make(caps, spec) : tkey_can_hold(caps, spec);
}

/* Secret keys that come and go. */
static bool passes_by(const struct key_spec *spec, enum place_born born)
{
	return spec->kind == KEY_SECRET &&
	       (!spec->kept || born == PLACE_UNWRAPPED || born == PLACE_DERIVED);
}

static bool belongs(const struct words *w, const struct key_spec *spec, enum place_born born)
{
	return can_hold(w->caps.can, spec, born) && (w->no_sealed || !passes_by(spec, born)) &&
	       uses_fit(spec) && mechanisms_fit(w->caps.can, spec);
}

static enum inro_err only_in_tpm(void)
{
	return err_set(INRO_E_UNSUPPORTED, "the TPM can't be the place of such a key, and this "
					   "token has no other (sealed=no)");
}

static enum inro_err place_asked(const struct words *w, const struct key_spec *spec,
				 enum place_born born)
{
	switch (spec->place) {
	case PLACE_TPM:
		if (can_hold(w->caps.can, spec, born))
			return INRO_OK;
		return err_set(INRO_E_UNSUPPORTED, "the TPM can't be the place of such a key: %s",
			       spec->extractable ? "it is extractable"
						 : "this TPM has no keys of its kind or size");
	case PLACE_TPM_SEALED:
		return w->no_sealed ? only_in_tpm() : INRO_OK;
	default:
		return err_set(INRO_E_UNSUPPORTED,
			       "the places of this token are tpm and tpm-sealed");
	}
}

enum inro_err place_choose(const struct words *w, const struct key_spec *spec, enum place_born born,
			   enum key_place *ret)
{
	enum inro_err e = INRO_OK;
	enum key_place place = spec->place;

	if (place != PLACE_ANY)
		e = place_asked(w, spec, born);
	else if (belongs(w, spec, born))
		place = PLACE_TPM;
	else if (w->no_sealed)
		e = only_in_tpm();
	else
		place = PLACE_TPM_SEALED;
	if (!e)
		*ret = place;
	return e;
}

/* ---- mechanisms ---- */

#define P256 BYTES_LIT("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")
#define P384 BYTES_LIT("\x06\x05\x2b\x81\x04\x00\x22")
#define P521 BYTES_LIT("\x06\x05\x2b\x81\x04\x00\x23")

/* Keys that may be in a TPM, of each size that bounds others, and how they are made. */
struct sample {
	struct key_spec spec;
	CK_MECHANISM_TYPE make;
	CK_ULONG size; /* as C_GetMechanismInfo counts: bits, of secret keys bytes */
};

#define RSA_SAMPLE(size)                                                                           \
	{ { .kind = KEY_RSA, .key_type = CKK_RSA, .bits = size }, CKM_RSA_PKCS_KEY_PAIR_GEN, size }
#define EC_SAMPLE(curve, size)                                                                     \
	{ { .kind = KEY_EC, .key_type = CKK_EC, .params = curve }, CKM_EC_KEY_PAIR_GEN, size }
#define SECRET_SAMPLE(type, make, size)                                                            \
	{ { .kind = KEY_SECRET, .key_type = type, .n = size }, make, size }
#define MAC_SAMPLES(type, make)                                                                    \
	SECRET_SAMPLE(type, make, 1), SECRET_SAMPLE(type, make, 32),                               \
		SECRET_SAMPLE(type, make, 48), SECRET_SAMPLE(type, make, TKEY_MAX_HMAC)

static const struct sample samples[] = {
	RSA_SAMPLE(2048),
	RSA_SAMPLE(3072),
	RSA_SAMPLE(4096),
	EC_SAMPLE(P256, 256),
	EC_SAMPLE(P384, 384),
	EC_SAMPLE(P521, 521),
	SECRET_SAMPLE(CKK_AES, CKM_AES_KEY_GEN, 16),
	SECRET_SAMPLE(CKK_AES, CKM_AES_KEY_GEN, 32),
	MAC_SAMPLES(CKK_GENERIC_SECRET, CKM_GENERIC_SECRET_KEY_GEN),
	MAC_SAMPLES(CKK_SHA_1_HMAC, CKM_SHA_1_KEY_GEN),
	MAC_SAMPLES(CKK_SHA256_HMAC, CKM_SHA256_KEY_GEN),
	MAC_SAMPLES(CKK_SHA384_HMAC, CKM_SHA384_KEY_GEN),
	MAC_SAMPLES(CKK_SHA512_HMAC, CKM_SHA512_KEY_GEN),
};

static bool sample_does(uint32_t caps, const struct sample *s, CK_MECHANISM_TYPE mech)
{
	struct key_spec spec = s->spec;

	if (!tkey_can_hold(caps, &spec))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(can_use); i++)
		if (row_fits(&can_use[i], &spec))
			spec.uses |= can_use[i].uses;
	return (mech == s->make && tkey_can_make(caps, &spec)) || does(caps, &spec, mech);
}

static bool token_does(uint32_t caps, CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		if (sample_does(caps, &samples[i], mech))
			return true;
	return false;
}

enum inro_err place_mechanisms(uint32_t caps, const CK_MECHANISM_TYPE *all, CK_MECHANISM_TYPE **ret)
{
	CK_MECHANISM_TYPE *list;
	size_t n = 0;

	while (all[n] != CK_UNAVAILABLE_INFORMATION)
		n++;
	list = calloc(n + 1, sizeof *list);
	if (!list)
		return INRO_E_NO_MEMORY;
	n = 0;
	for (; *all != CK_UNAVAILABLE_INFORMATION; all++)
		if (token_does(caps, *all))
			list[n++] = *all;
	list[n] = CK_UNAVAILABLE_INFORMATION;
	*ret = list;
	return INRO_OK;
}

void place_sizes(uint32_t caps, CK_MECHANISM_TYPE mech, CK_ULONG *min, CK_ULONG *max)
{
	CK_ULONG least = *max, most = *min;

	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		if (!sample_does(caps, &samples[i], mech))
			continue;
		least = samples[i].size < least ? samples[i].size : least;
		most = samples[i].size > most ? samples[i].size : most;
	}
	if (least > most) /* none: nothing is known of it */
		return;
	*min = least > *min ? least : *min;
	*max = most < *max ? most : *max;
}
