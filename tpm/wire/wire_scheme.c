/* wire_scheme - the schemes of keys and signatures, and symmetric definitions (part 2, 11.1-11.2).
 */
#include "base/own.h"
#include "tpm/wire/wire_private.h"

enum scheme_form { FORM_NONE, FORM_HASH, FORM_HASH_MORE };

static const struct {
	TPM2_ALG_ID id;
	enum scheme_form form;
	unsigned where;
} schemes[] = {
	{ TPM2_ALG_NULL, FORM_NONE,
	  SCHEME_RSA | SCHEME_ECC | SCHEME_SIGN | SCHEME_DECRYPT | SCHEME_KDF | SCHEME_KEYEDHASH },
	{ TPM2_ALG_RSASSA, FORM_HASH, SCHEME_RSA | SCHEME_SIGN },
	{ TPM2_ALG_RSAPSS, FORM_HASH, SCHEME_RSA | SCHEME_SIGN },
	{ TPM2_ALG_RSAES, FORM_NONE, SCHEME_RSA | SCHEME_DECRYPT },
	{ TPM2_ALG_OAEP, FORM_HASH, SCHEME_RSA | SCHEME_DECRYPT },
	{ TPM2_ALG_ECDSA, FORM_HASH, SCHEME_ECC | SCHEME_SIGN },
	{ TPM2_ALG_ECDAA, FORM_HASH_MORE, SCHEME_ECC | SCHEME_SIGN },
	{ TPM2_ALG_SM2, FORM_HASH, SCHEME_ECC | SCHEME_SIGN },
	{ TPM2_ALG_ECSCHNORR, FORM_HASH, SCHEME_ECC | SCHEME_SIGN },
	{ TPM2_ALG_ECDH, FORM_HASH, SCHEME_ECC },
	{ TPM2_ALG_ECMQV, FORM_HASH, SCHEME_ECC },
	{ TPM2_ALG_HMAC, FORM_HASH, SCHEME_SIGN | SCHEME_KEYEDHASH },
	{ TPM2_ALG_XOR, FORM_HASH_MORE, SCHEME_KEYEDHASH },
	{ TPM2_ALG_MGF1, FORM_HASH, SCHEME_KDF },
	{ TPM2_ALG_KDF1_SP800_56A, FORM_HASH, SCHEME_KDF },
	{ TPM2_ALG_KDF2, FORM_HASH, SCHEME_KDF },
	{ TPM2_ALG_KDF1_SP800_108, FORM_HASH, SCHEME_KDF },
};

/* -1 when no such scheme may stand there */
static int form_of(enum scheme_place where, TPM2_ALG_ID id)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (schemes[i].id == id && schemes[i].where & where)
			return (int)schemes[i].form;
	return -1;
}

void add_scheme(struct buf *b, enum scheme_place where, struct scheme x)
{
	int form = form_of(where, x.id);

	if (form < 0) {
		wire_fail(b, INRO_E_ARG, "a scheme that can't stand there");
		return;
	}
	wire_add_u16(b, x.id);
	if (form >= FORM_HASH)
		wire_add_u16(b, x.hash);
	if (form == FORM_HASH_MORE)
		wire_add_u16(b, x.more);
}

struct scheme take_scheme(struct take *t, enum scheme_place where)
{
	struct scheme x = { .id = take_u16(t) };
	int form = form_of(where, x.id);

	if (form < 0)
		take_fail(t, "it names an unknown scheme");
	if (form >= FORM_HASH)
		x.hash = take_hash(t);
	if (form == FORM_HASH_MORE)
		x.more = take_u16(t);
	return x;
}

void wire_add_sig_scheme(struct buf *b, const TPMT_SIG_SCHEME *x)
{
	add_scheme(b, SCHEME_SIGN,
		   (struct scheme) { .id = x->scheme,
				     .hash = x->details.any.hashAlg,
				     .more = x->details.ecdaa.count });
}

void wire_add_rsa_decrypt(struct buf *b, const TPMT_RSA_DECRYPT *x)
{
	add_scheme(b, SCHEME_DECRYPT,
		   (struct scheme) { .id = x->scheme, .hash = x->details.anySig.hashAlg });
}

/* ---- symmetric definitions ---- */

static const uint16_t ciphers[] = { TPM2_ALG_NULL, TPM2_ALG_AES, TPM2_ALG_CAMELLIA, TPM2_ALG_SM4,
				    TPM2_ALG_TDES };
static const uint16_t modes[] = { TPM2_ALG_NULL, TPM2_ALG_CFB, TPM2_ALG_CBC, TPM2_ALG_CTR,
				  TPM2_ALG_ECB,	 TPM2_ALG_OFB, TPM2_ALG_CMAC };

void add_sym(struct buf *b, const TPMT_SYM_DEF_OBJECT *x)
{
	wire_add_u16(b, x->algorithm);
	if (x->algorithm == TPM2_ALG_NULL)
		return;
	wire_add_u16(b, x->keyBits.sym);
	wire_add_u16(b, x->mode.sym);
}

void wire_add_sym_def(struct buf *b, const TPMT_SYM_DEF *x)
{
	if (x->algorithm == TPM2_ALG_XOR) {
		wire_add_u16(b, x->algorithm);
		wire_add_u16(b, x->keyBits.exclusiveOr);
		return;
	}
	add_sym(b, &(TPMT_SYM_DEF_OBJECT) {
			   .algorithm = x->algorithm, .keyBits = x->keyBits, .mode = x->mode });
}

void take_sym(struct take *t, TPMT_SYM_DEF_OBJECT *x)
{
	x->algorithm = take_one_of(t, ciphers, ARRAY_LEN(ciphers), "it names an unknown cipher");
	if (x->algorithm == TPM2_ALG_NULL || t->err)
		return;
	x->keyBits.sym = take_u16(t);
	x->mode.sym = take_one_of(t, modes, ARRAY_LEN(modes), "it names an unknown cipher mode");
}
