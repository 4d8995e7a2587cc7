#include "tests/lib/twins.h"

#include <string.h>

#define MOST ((size_t)1 << 16)

static struct bytes plain_of(const struct anykey *k, struct secret *room)
{
	assert_int_equal(anykey_plain(k, room), INRO_OK);
	return secret_bytes(room);
}

/* One for each spec there is, for the whole of the program. */
static struct anykey *soft_key(const struct key_spec *spec)
{
	static struct {
		const struct key_spec *spec;
		struct anykey *key;
	} made[16];
	size_t i = 0;

	while (i < ARRAY_LEN(made) && made[i].spec && made[i].spec != spec)
		i++;
	assert_true(i < ARRAY_LEN(made));
	if (!made[i].spec)
		assert_int_equal(anykey_generate(spec, &made[i].key), INRO_OK);
	made[i].spec = spec;
	return anykey_ref(made[i].key);
}

struct twins twins_make(const struct key_spec *spec)
{
	SCOPED(secret) room = { 0 };
	struct twins t = { .soft = soft_key(spec) };

	assert_int_equal(tkey_import(tpm, tpm_caps.can, spec, plain_of(t.soft, &room), &t.hard),
			 INRO_OK);
	return t;
}

void twins_clear(struct twins *t)
{
	anykey_unref(t->soft);
	tkey_unref(t->hard);
	*t = (struct twins) { 0 };
}

struct bytes twins_data(size_t n)
{
	static uint8_t data[MOST];

	for (size_t i = 0; i < MOST && !data[1]; i++)
		data[MOST - 1 - i] = (uint8_t)(((MOST - 1 - i) * 2654435761u) >> 11);
	assert_true(n <= MOST);
	return BYTES(data, n);
}

/* Salted, or with a nonce. */
static bool is_random(enum key_use use, CK_MECHANISM_TYPE mech, enum key_kind kind)
{
	static const CK_MECHANISM_TYPE pss[] = {
		CKM_RSA_PKCS_PSS,	 CKM_SHA1_RSA_PKCS_PSS,	  CKM_SHA224_RSA_PKCS_PSS,
		CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS,
	};

	if (kind == KEY_EC)
		return use == USE_SIGN;
	for (size_t i = 0; i < ARRAY_LEN(pss); i++)
		if (pss[i] == mech)
			return true;
	return use == USE_ENCRYPT && kind == KEY_RSA && mech != CKM_RSA_X_509;
}

enum inro_err twins_use(const struct twins *t, enum key_use use, const struct use_spec *spec,
			struct bytes in, size_t cap)
{
	static uint8_t soft[MOST], hard[MOST];
	const struct use what = { .use = use, .spec = spec };
	size_t soft_n = 0, hard_n = 0;
	enum inro_err e, f;

	e = anykey_use(t->soft, &what, in, (struct room) { soft, cap }, &soft_n);
	f = tkey_use(t->hard, &what, in, (struct room) { hard, cap }, &hard_n);
	if (e != f)
		print_error("mechanism 0x%lx, use %d, %zu bytes: %s, %s (%s)\n", spec->mech, use,
			    in.n, err_name(e), err_name(f), err_detail(f));
	assert_int_equal(f, e);
	if (!e || e == INRO_E_TOO_SMALL)
		assert_int_equal(hard_n, soft_n);
	if (e)
		return e;
	if (!is_random(use, spec->mech, tkey_kind(t->hard)))
		assert_memory_equal(hard, soft, soft_n);
	else if (use == USE_SIGN)
		assert_int_equal(pkey_verify(t->soft->pair, spec, in, BYTES(hard, hard_n)),
				 INRO_OK);
	return e;
}
