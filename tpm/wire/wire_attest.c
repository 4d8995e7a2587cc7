/* wire_attest - what a TPM states (part 2, 10.12) and NV indices' public areas (13.5). */
#include "base/own.h"
#include "tpm/wire/wire_private.h"

/* ---- NV ---- */

void wire_add_nv_public_area(struct buf *b, const TPMS_NV_PUBLIC *x)
{
	buf_add_u32(b, x->nvIndex);
	wire_add_u16(b, x->nameAlg);
	buf_add_u32(b, x->attributes);
	ADD_TPM2B(b, &x->authPolicy, buffer);
	wire_add_u16(b, x->dataSize);
}

void wire_add_nv_public(struct buf *b, const TPMS_NV_PUBLIC *x)
{
	size_t begun = wire_begin_2b(b);

	wire_add_nv_public_area(b, x);
	wire_end_2b(b, begun);
}

enum inro_err wire_read_nv_public(struct bytes *in, TPMS_NV_PUBLIC *ret)
{
	struct take t = { .in = *in }, inner = take_open(&t);
	TPMS_NV_PUBLIC x = { .nvIndex = take_u32(&inner) };

	x.nameAlg = take_hash(&inner);
	x.attributes = take_u32(&inner);
	TAKE_TPM2B(&inner, &x.authPolicy, buffer);
	x.dataSize = take_u16(&inner);
	take_close(&t, &inner);
	if (!t.err)
		*ret = x;
	return take_done(&t, in);
}

/* ---- statements ---- */

static void take_name(struct take *t, TPM2B_NAME *x)
{
	TAKE_TPM2B(t, x, name);
}

static void take_certify(struct take *t, TPMU_ATTEST *x)
{
	take_name(t, &x->certify.name);
	take_name(t, &x->certify.qualifiedName);
}

static void take_creation(struct take *t, TPMU_ATTEST *x)
{
	take_name(t, &x->creation.objectName);
	TAKE_TPM2B(t, &x->creation.creationHash, buffer);
}

static void take_quote(struct take *t, TPMU_ATTEST *x)
{
	take_pcr_selection(t, &x->quote.pcrSelect);
	TAKE_TPM2B(t, &x->quote.pcrDigest, buffer);
}

static const struct kind {
	TPM2_ST id;
	void (*take)(struct take *t, TPMU_ATTEST *x);
} kinds[] = {
	{ TPM2_ST_ATTEST_CERTIFY, take_certify },
	{ TPM2_ST_ATTEST_QUOTE, take_quote },
	{ TPM2_ST_ATTEST_CREATION, take_creation },
};

static const struct kind *take_kind(struct take *t)
{
	TPM2_ST id = take_u16(t);

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].id == id)
			return &kinds[i];
	take_fail(t, "it is a statement of an unknown kind");
	return NULL;
}

static void take_clock(struct take *t, TPMS_CLOCK_INFO *x)
{
	x->clock = take_u64(t);
	x->resetCount = take_u32(t);
	x->restartCount = take_u32(t);
	x->safe = take_u8(t);
	if (x->safe > 1)
		take_fail(t, "a yes or no is neither");
}

static void take_attest(struct take *t, TPMS_ATTEST *x)
{
	const struct kind *kind;

	x->magic = take_u32(t);
	if (x->magic != TPM2_GENERATED_VALUE)
		take_fail(t, "it is not a TPM's own statement");
	kind = take_kind(t);
	if (!kind)
		return;
	x->type = kind->id;
	take_name(t, &x->qualifiedSigner);
	TAKE_TPM2B(t, &x->extraData, buffer);
	take_clock(t, &x->clockInfo);
	x->firmwareVersion = take_u64(t);
	kind->take(t, &x->attested);
}

enum inro_err wire_read_attest(struct bytes *in, TPMS_ATTEST *ret)
{
	struct take t = { .in = *in };
	TPMS_ATTEST x = { 0 };

	take_attest(&t, &x);
	if (!t.err)
		*ret = x;
	return take_done(&t, in);
}
