/* wire_public - public and sensitive areas of objects (part 2, 12.2 and 12.3). */
#include "base/own.h"
#include "tpm/wire/wire_private.h"

/* What differs between the types of objects. */
struct object_type {
	TPM2_ALG_ID id;
	size_t max_value; /* of the sensitive area */
	void (*add)(struct buf *b, const TPMT_PUBLIC *x);
	void (*take)(struct take *t, TPMT_PUBLIC *x);
};

static void add_digest(struct buf *b, const TPM2B_DIGEST *x)
{
	ADD_TPM2B(b, x, buffer);
}

static void take_digest(struct take *t, TPM2B_DIGEST *x)
{
	TAKE_TPM2B(t, x, buffer);
}

static struct scheme asym_scheme(TPM2_ALG_ID id, const TPMU_ASYM_SCHEME *x)
{
	return (struct scheme) { .id = id, .hash = x->anySig.hashAlg, .more = x->ecdaa.count };
}

static TPM2_ALG_ID take_asym_scheme(struct take *t, enum scheme_place where, TPMU_ASYM_SCHEME *x)
{
	struct scheme s = take_scheme(t, where);

	x->ecdaa.hashAlg = s.hash;
	x->ecdaa.count = s.more;
	return s.id;
}

static void add_rsa(struct buf *b, const TPMT_PUBLIC *x)
{
	const TPMS_RSA_PARMS *p = &x->parameters.rsaDetail;

	add_sym(b, &p->symmetric);
	add_scheme(b, SCHEME_RSA, asym_scheme(p->scheme.scheme, &p->scheme.details));
	wire_add_u16(b, p->keyBits);
	buf_add_u32(b, p->exponent);
	ADD_TPM2B(b, &x->unique.rsa, buffer);
}

static void take_rsa(struct take *t, TPMT_PUBLIC *x)
{
	TPMS_RSA_PARMS *p = &x->parameters.rsaDetail;

	take_sym(t, &p->symmetric);
	p->scheme.scheme = take_asym_scheme(t, SCHEME_RSA, &p->scheme.details);
	p->keyBits = take_u16(t);
	p->exponent = take_u32(t);
	TAKE_TPM2B(t, &x->unique.rsa, buffer);
}

static void add_ecc(struct buf *b, const TPMT_PUBLIC *x)
{
	const TPMS_ECC_PARMS *p = &x->parameters.eccDetail;

	add_sym(b, &p->symmetric);
	add_scheme(b, SCHEME_ECC, asym_scheme(p->scheme.scheme, &p->scheme.details));
	wire_add_u16(b, p->curveID);
	add_scheme(b, SCHEME_KDF,
		   (struct scheme) { .id = p->kdf.scheme, .hash = p->kdf.details.mgf1.hashAlg });
	add_point(b, &x->unique.ecc);
}

static void take_ecc(struct take *t, TPMT_PUBLIC *x)
{
	TPMS_ECC_PARMS *p = &x->parameters.eccDetail;
	struct scheme kdf;

	take_sym(t, &p->symmetric);
	p->scheme.scheme = take_asym_scheme(t, SCHEME_ECC, &p->scheme.details);
	p->curveID = take_u16(t);
	kdf = take_scheme(t, SCHEME_KDF);
	p->kdf.scheme = kdf.id;
	p->kdf.details.mgf1.hashAlg = kdf.hash;
	take_point(t, &x->unique.ecc);
}

static void add_keyedhash(struct buf *b, const TPMT_PUBLIC *x)
{
	const TPMT_KEYEDHASH_SCHEME *s = &x->parameters.keyedHashDetail.scheme;

	add_scheme(b, SCHEME_KEYEDHASH,
		   (struct scheme) { .id = s->scheme,
				     .hash = s->details.exclusiveOr.hashAlg,
				     .more = s->details.exclusiveOr.kdf });
	add_digest(b, &x->unique.keyedHash);
}

static void take_keyedhash(struct take *t, TPMT_PUBLIC *x)
{
	TPMT_KEYEDHASH_SCHEME *s = &x->parameters.keyedHashDetail.scheme;
	struct scheme read = take_scheme(t, SCHEME_KEYEDHASH);

	s->scheme = read.id;
	s->details.exclusiveOr.hashAlg = read.hash;
	s->details.exclusiveOr.kdf = read.more;
	take_digest(t, &x->unique.keyedHash);
}

static void add_symcipher(struct buf *b, const TPMT_PUBLIC *x)
{
	add_sym(b, &x->parameters.symDetail.sym);
	add_digest(b, &x->unique.sym);
}

static void take_symcipher(struct take *t, TPMT_PUBLIC *x)
{
	take_sym(t, &x->parameters.symDetail.sym);
	take_digest(t, &x->unique.sym);
}

static const struct object_type types[] = {
	{ TPM2_ALG_RSA, TPM2_MAX_RSA_KEY_BYTES / 2, add_rsa, take_rsa },
	{ TPM2_ALG_KEYEDHASH, TPM2_MAX_SYM_DATA, add_keyedhash, take_keyedhash },
	{ TPM2_ALG_ECC, TPM2_MAX_ECC_KEY_BYTES, add_ecc, take_ecc },
	{ TPM2_ALG_SYMCIPHER, TPM2_MAX_SYM_KEY_BYTES, add_symcipher, take_symcipher },
};

static const struct object_type *type_find(TPM2_ALG_ID id)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].id == id)
			return &types[i];
	return NULL;
}

static const struct object_type *take_type(struct take *t)
{
	const struct object_type *type = type_find(take_u16(t));

	if (!type)
		take_fail(t, "it is an object of an unknown type");
	return type;
}

/* ---- public areas ---- */

void wire_add_public_area(struct buf *b, const TPMT_PUBLIC *x)
{
	const struct object_type *type = type_find(x->type);

	if (!type) {
		wire_fail(b, INRO_E_ARG, "an object of an unknown type");
		return;
	}
	wire_add_u16(b, x->type);
	wire_add_u16(b, x->nameAlg);
	buf_add_u32(b, x->objectAttributes);
	add_digest(b, &x->authPolicy);
	type->add(b, x);
}

static void take_public(struct take *t, TPMT_PUBLIC *x)
{
	const struct object_type *type = take_type(t);

	if (t->err)
		return;
	x->type = type->id;
	x->nameAlg = take_hash_or_null(t);
	x->objectAttributes = take_u32(t);
	take_digest(t, &x->authPolicy);
	type->take(t, x);
}

enum inro_err wire_read_public_area(struct bytes *in, TPMT_PUBLIC *ret)
{
	struct take t = { .in = *in };
	TPMT_PUBLIC x = { 0 };

	take_public(&t, &x);
	if (!t.err)
		*ret = x;
	return take_done(&t, in);
}

void wire_add_public(struct buf *b, const TPM2B_PUBLIC *x)
{
	size_t begun = wire_begin_2b(b);

	wire_add_public_area(b, &x->publicArea);
	wire_end_2b(b, begun);
}

enum inro_err wire_read_public(struct bytes *in, TPM2B_PUBLIC *ret)
{
	struct take t = { .in = *in }, inner = take_open(&t);
	TPM2B_PUBLIC x = { .size = (UINT16)inner.in.n };

	take_public(&inner, &x.publicArea);
	take_close(&t, &inner);
	if (!t.err)
		*ret = x;
	return take_done(&t, in);
}

/* ---- sensitive areas ---- */

void wire_add_sensitive_create(struct buf *b, struct bytes auth, struct bytes data)
{
	size_t begun = wire_begin_2b(b);

	wire_add_2b(b, auth);
	wire_add_2b(b, data);
	wire_end_2b(b, begun);
}

void wire_add_sensitive_area(struct buf *b, const struct wire_sensitive *x)
{
	wire_add_u16(b, x->type);
	wire_add_2b(b, x->auth);
	wire_add_2b(b, x->seed);
	wire_add_2b(b, x->value);
}

enum inro_err wire_read_sensitive_area(struct bytes *in, struct wire_sensitive *ret)
{
	struct take t = { .in = *in };
	const struct object_type *type = take_type(&t);
	struct wire_sensitive x = { 0 };

	if (t.err)
		return t.err;
	x.type = type->id;
	x.auth = take_2b(&t, sizeof(TPMU_HA));
	x.seed = take_2b(&t, sizeof(TPMU_HA));
	x.value = take_2b(&t, type->max_value);
	if (!t.err)
		*ret = x;
	return take_done(&t, in);
}
