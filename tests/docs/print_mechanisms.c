/*
 * Prints docs/mechanisms.md from the table that the token works by.
 *
 * A test compares it with the page in the tree; to renew the page, write this program's output
 * over it.
 */
#include <stdio.h>
#include <string.h>

#include "base/cryptoki/mechname.h"
#include "base/own.h"
#include "pkcs11/token/mech.h"
#include "tpm/token/tkey.h"

static const struct {
	unsigned use;
	const char *name;
} uses[] = {
	{ USE_SIGN, "sign" },
	{ USE_VERIFY, "verify" },
	{ USE_SIGN_RECOVER, "sign-recover" },
	{ USE_VERIFY_RECOVER, "verify-recover" },
	{ USE_ENCRYPT, "encrypt" },
	{ USE_DECRYPT, "decrypt" },
	{ USE_DIGEST, "digest" },
	{ USE_WRAP, "wrap" },
	{ USE_UNWRAP, "unwrap" },
	{ USE_DERIVE, "derive" },
	{ USE_ENCAPSULATE, "encapsulate" },
	{ USE_DECAPSULATE, "decapsulate" },
	{ USE_GENERATE, "generate" },
	{ USE_GENERATE_PAIR, "generate pair" },
};

static const char *const kinds[KEY_KIND__MAX] = {
	[KEY_NONE] = "",
	[KEY_RSA] = "RSA",
	[KEY_EC] = "EC",
	[KEY_EDWARDS] = "Edwards",
	[KEY_MONTGOMERY] = "Montgomery",
	[KEY_ML_DSA] = "ML-DSA",
	[KEY_SLH_DSA] = "SLH-DSA",
	[KEY_ML_KEM] = "ML-KEM",
	[KEY_SECRET] = "secret",
};

static const struct {
	unsigned trait;
	const char *words;
} traits[] = {
	{ MECH_ONE_PART, "in one part" },
	{ MECH_AEAD, "nothing is released before the tag is good" },
	{ MECH_LEGACY, "only with `legacy = yes`" },
	{ MECH_BY_KEY, "only for keys whose CKA_ALLOWED_MECHANISMS names it" },
};

static void print_uses(unsigned which)
{
	const char *between = "";

	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		if (!(which & uses[i].use))
			continue;
		printf("%s%s", between, uses[i].name);
		between = ", ";
	}
}

/* ---- in a TPM ---- */

#define P256	 BYTES_LIT("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")
#define ALL_CAPS UINT32_MAX

/* One of each kind of key that may be in one. */
static const struct key_spec in_tpm[] = {
	{ .kind = KEY_RSA, .key_type = CKK_RSA, .bits = 2048 },
	{ .kind = KEY_EC, .key_type = CKK_EC, .params = P256 },
	{ .kind = KEY_SECRET, .key_type = CKK_AES, .n = 16 },
	{ .kind = KEY_SECRET, .key_type = CKK_GENERIC_SECRET, .n = 32 },
	{ .kind = KEY_SECRET, .key_type = CKK_SHA_1_HMAC, .n = 32 },
	{ .kind = KEY_SECRET, .key_type = CKK_SHA256_HMAC, .n = 32 },
	{ .kind = KEY_SECRET, .key_type = CKK_SHA384_HMAC, .n = 48 },
	{ .kind = KEY_SECRET, .key_type = CKK_SHA512_HMAC, .n = 64 },
};

/* Of pairs, what the public half does is done without the TPM. */
static unsigned of_public(const struct key_spec *spec)
{
	return spec->kind == KEY_SECRET ? 0
					: USE_VERIFY | USE_VERIFY_RECOVER | USE_ENCRYPT | USE_WRAP;
}

static unsigned uses_in_tpm(const struct mech *m)
{
	unsigned found = 0;

	for (size_t i = 0; i < ARRAY_LEN(in_tpm); i++)
		for (size_t j = 0; j < ARRAY_LEN(uses); j++)
			if (m->uses & ~of_public(&in_tpm[i]) & uses[j].use &&
			    tkey_can_do(ALL_CAPS, &in_tpm[i], m->type, uses[j].use))
				found |= uses[j].use;
	return found;
}

static void print_keys(const struct mech *m)
{
	if (m->key != KEY_SECRET || !m->types) {
		printf("%s%s%s", m->key == KEY_SECRET ? "any secret key" : kinds[m->key],
		       m->also ? ", " : "", kinds[m->also]);
		return;
	}
	for (size_t i = 0; m->types[i] != CK_UNAVAILABLE_INFORMATION; i++)
		printf("%s%s", i ? ", " : "", cryptoki_key_type_name(m->types[i]) + strlen("CKK_"));
}

static bool is_post_quantum(const struct mech *m)
{
	return m->key == KEY_ML_DSA || m->key == KEY_SLH_DSA || m->key == KEY_ML_KEM;
}

static const char *unit(const struct mech *m)
{
	if (m->key == KEY_SECRET)
		return m->traits & MECH_SIZE_BITS ? "bits" : "bytes";
	return is_post_quantum(m) ? "bytes" : "bits";
}

static void print_sizes(const struct mech *m)
{
	if (m->min == 0 && m->max == 0)
		return;
	if (m->min == m->max)
		printf("%lu %s", m->min, unit(m));
	else
		printf("%lu–%lu %s", m->min, m->max, unit(m));
}

static void print_remarks(const struct mech *m)
{
	const char *between = "";

	if (is_post_quantum(m)) {
		printf("libcrypto 3.5");
		between = "; ";
	}
	for (size_t i = 0; i < ARRAY_LEN(traits); i++) {
		if (!(m->traits & traits[i].trait))
			continue;
		printf("%s%s", between, traits[i].words);
		between = "; ";
	}
}

static void print_row(const struct mech *m)
{
	printf("| %s | 0x%08lx | ", cryptoki_mech_name(m->type), m->type);
	print_uses(m->uses);
	printf(" | ");
	print_uses(uses_in_tpm(m));
	printf(" | ");
	print_keys(m);
	printf(" | ");
	print_sizes(m);
	printf(" | ");
	print_remarks(m);
	printf(" |\n");
}

int main(void)
{
	const struct mech *m;

	puts("# Mechanisms\n\n"
	     "Every mechanism of the token, as its own table has them (this page is printed from "
	     "it and\n"
	     "compared by a test). What a token lists is this table without what the libcrypto "
	     "here and\n"
	     "the token's backend can't do; `C_GetMechanismInfo` says the same uses and sizes. "
	     "Sizes are in\n"
	     "the unit that PKCS#11 gives them: public keys of the post-quantum kinds in bytes, "
	     "secret keys\n"
	     "in bytes but for generic secrets.\n\n"
	     "`in a TPM` are the uses that a key whose place is `tpm` can have; all others are "
	     "done "
	     "in software,\n"
	     "with public halves, or with keys that the TPM has sealed (place `tpm-sealed`). It is "
	     "of a TPM that\n"
	     "has every hash, mode and size; which ones this TPM has is found when the token is "
	     "made. Keys in a\n"
	     "TPM are RSA of 2048 to 4096 bits, EC on P-256, P-384 and P-521, AES of 128 and 256 "
	     "bits, and HMAC\n"
	     "keys of up to 64 bytes. They unwrap by CKM_RSA_AES_KEY_WRAP and "
	     "CKM_ECDH_AES_KEY_WRAP, too: the\n"
	     "first step is the TPM's, the others are not.\n\n"
	     "| mechanism | number | uses | in a TPM | keys | sizes | remarks |\n"
	     "|---|---|---|---|---|---|---|");
	for (size_t i = 0; (m = mech_at(i)) != NULL; i++)
		print_row(m);
	return 0;
}
