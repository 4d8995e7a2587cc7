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

static void print_uses(const struct mech *m)
{
	const char *between = "";

	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		if (!(m->uses & uses[i].use))
			continue;
		printf("%s%s", between, uses[i].name);
		between = ", ";
	}
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
	print_uses(m);
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
	     "| mechanism | number | uses | keys | sizes | remarks |\n"
	     "|---|---|---|---|---|---|");
	for (size_t i = 0; (m = mech_at(i)) != NULL; i++)
		print_row(m);
	return 0;
}
