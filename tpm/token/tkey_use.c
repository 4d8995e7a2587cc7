/* tkey_use - one operation on a whole input, by the kind of key and the use. */
#include "tpm/token/tkey_private.h"

typedef enum inro_err (*step)(struct tkey *k, const struct use_spec *spec, struct bytes in,
			      struct room out, size_t *ret_n);

static enum inro_err sign(struct tkey *k, const struct use_spec *spec, struct bytes in,
			  struct room out, size_t *ret_n)
{
	return (k->kind == KEY_RSA ? tkey_rsa_sign : tkey_ec_sign)(k, spec, in, out, ret_n);
}

/* With the public half, as anybody may. */
static enum inro_err encrypt(struct tkey *k, const struct use_spec *spec, struct bytes in,
			     struct room out, size_t *ret_n)
{
	return pkey_encrypt(k->public, spec, in, out, ret_n);
}

static const struct {
	enum key_use use;
	step step;
} steps[] = {
	{ USE_SIGN, sign },
	{ USE_SIGN_RECOVER, sign },
	{ USE_DECRYPT, tkey_rsa_decrypt },
	{ USE_ENCRYPT, encrypt },
};

enum inro_err tkey_use(struct tkey *k, const struct use *what, struct bytes in, struct room out,
		       size_t *ret_n)
{
	if (k->kind == KEY_SECRET)
		return tkey_secret_use(k, what, in, out, ret_n);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (steps[i].use == what->use)
			return steps[i].step(k, what->spec, in, out, ret_n);
	return err_set(INRO_E_UNSUPPORTED, "a private key does nothing of this sort");
}
