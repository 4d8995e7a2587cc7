/* wire_signature - signatures and points (part 2, 11.2.5 and 11.3). */
#include "base/own.h"
#include "tpm/wire/wire_private.h"

/* ---- points ---- */

void add_point(struct buf *b, const TPMS_ECC_POINT *x)
{
	ADD_TPM2B(b, &x->x, buffer);
	ADD_TPM2B(b, &x->y, buffer);
}

void take_point(struct take *t, TPMS_ECC_POINT *x)
{
	TAKE_TPM2B(t, &x->x, buffer);
	TAKE_TPM2B(t, &x->y, buffer);
}

void wire_add_point(struct buf *b, const TPMS_ECC_POINT *x)
{
	size_t begun = wire_begin_2b(b);

	add_point(b, x);
	wire_end_2b(b, begun);
}

enum inro_err wire_read_point(struct bytes *in, TPMS_ECC_POINT *ret)
{
	struct take t = { .in = *in }, inner = take_open(&t);
	TPMS_ECC_POINT x = { 0 };

	take_point(&inner, &x);
	take_close(&t, &inner);
	if (!t.err)
		*ret = x;
	wipe(&x, sizeof x); /* what was agreed on is such a point */
	return take_done(&t, in);
}

/* ---- signatures ---- */

static void add_nothing(struct buf *b, const TPMU_SIGNATURE *x)
{
	(void)b;
	(void)x;
}

static void take_nothing(struct take *t, TPMU_SIGNATURE *x)
{
	(void)t;
	(void)x;
}

static void add_rsa(struct buf *b, const TPMU_SIGNATURE *x)
{
	wire_add_u16(b, x->rsassa.hash);
	ADD_TPM2B(b, &x->rsassa.sig, buffer);
}

static void take_rsa(struct take *t, TPMU_SIGNATURE *x)
{
	x->rsassa.hash = take_hash(t);
	TAKE_TPM2B(t, &x->rsassa.sig, buffer);
}

static void add_ecc(struct buf *b, const TPMU_SIGNATURE *x)
{
	wire_add_u16(b, x->ecdsa.hash);
	ADD_TPM2B(b, &x->ecdsa.signatureR, buffer);
	ADD_TPM2B(b, &x->ecdsa.signatureS, buffer);
}

static void take_ecc(struct take *t, TPMU_SIGNATURE *x)
{
	x->ecdsa.hash = take_hash(t);
	TAKE_TPM2B(t, &x->ecdsa.signatureR, buffer);
	TAKE_TPM2B(t, &x->ecdsa.signatureS, buffer);
}

static void add_hmac(struct buf *b, const TPMU_SIGNATURE *x)
{
	size_t n = wire_hash_size(x->hmac.hashAlg);

	if (!n)
		wire_fail(b, INRO_E_ARG, "an unknown hash");
	wire_add_u16(b, x->hmac.hashAlg);
	buf_add(b, BYTES(&x->hmac.digest, n));
}

static void take_hmac(struct take *t, TPMU_SIGNATURE *x)
{
	x->hmac.hashAlg = take_hash(t);
	take_raw(t, wire_hash_size(x->hmac.hashAlg), x->hmac.digest.sha512);
}

static const struct kind {
	TPM2_ALG_ID id;
	void (*add)(struct buf *b, const TPMU_SIGNATURE *x);
	void (*take)(struct take *t, TPMU_SIGNATURE *x);
} kinds[] = {
	{ TPM2_ALG_NULL, add_nothing, take_nothing }, { TPM2_ALG_HMAC, add_hmac, take_hmac },
	{ TPM2_ALG_RSASSA, add_rsa, take_rsa },	      { TPM2_ALG_RSAPSS, add_rsa, take_rsa },
	{ TPM2_ALG_ECDSA, add_ecc, take_ecc },	      { TPM2_ALG_ECDAA, add_ecc, take_ecc },
	{ TPM2_ALG_SM2, add_ecc, take_ecc },	      { TPM2_ALG_ECSCHNORR, add_ecc, take_ecc },
};

static const struct kind *kind_find(TPM2_ALG_ID id)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].id == id)
			return &kinds[i];
	return NULL;
}

void wire_add_signature(struct buf *b, const TPMT_SIGNATURE *x)
{
	const struct kind *kind = kind_find(x->sigAlg);

	if (!kind) {
		wire_fail(b, INRO_E_ARG, "a signature of an unknown scheme");
		return;
	}
	wire_add_u16(b, x->sigAlg);
	kind->add(b, &x->signature);
}

enum inro_err wire_read_signature(struct bytes *in, TPMT_SIGNATURE *ret)
{
	struct take t = { .in = *in };
	TPMT_SIGNATURE x = { .sigAlg = take_u16(&t) };
	const struct kind *kind = kind_find(x.sigAlg);

	if (!kind)
		take_fail(&t, "it is a signature of an unknown scheme");
	else
		kind->take(&t, &x.signature);
	if (!t.err)
		*ret = x;
	return take_done(&t, in);
}
