/* wire_list - lists, and what a TPM says it can do (part 2, 10.6-10.10). */
#include "base/own.h"
#include "tpm/wire/wire_private.h"

/* ---- selections of PCRs ---- */

static void add_selection(struct buf *b, const TPMS_PCR_SELECTION *x)
{
	if (x->sizeofSelect > sizeof x->pcrSelect) {
		wire_fail(b, INRO_E_ARG, "a selection of too many PCRs");
		return;
	}
	wire_add_u16(b, x->hash);
	buf_add_u8(b, x->sizeofSelect);
	buf_add(b, BYTES(x->pcrSelect, x->sizeofSelect));
}

void wire_add_pcr_selection(struct buf *b, const TPML_PCR_SELECTION *x)
{
	if (x->count > ARRAY_LEN(x->pcrSelections)) {
		wire_fail(b, INRO_E_ARG, "a selection of PCRs in too many banks");
		return;
	}
	buf_add_u32(b, x->count);
	for (size_t i = 0; i < x->count; i++)
		add_selection(b, &x->pcrSelections[i]);
}

static uint8_t take_bits(struct take *t, uint8_t out[TPM2_PCR_SELECT_MAX])
{
	uint8_t n = take_u8(t);

	if (n > TPM2_PCR_SELECT_MAX) {
		take_fail(t, "it selects too many PCRs");
		return 0;
	}
	take_raw(t, n, out);
	return n;
}

/* ---- elements of lists ---- */

static void take_selection(struct take *t, void *x)
{
	TPMS_PCR_SELECTION *s = x;

	s->hash = take_hash(t);
	s->sizeofSelect = take_bits(t, s->pcrSelect);
}

static void take_algorithm(struct take *t, void *x)
{
	TPMS_ALG_PROPERTY *p = x;

	p->alg = take_u16(t);
	p->algProperties = take_u32(t);
}

static void take_word(struct take *t, void *x)
{
	*(uint32_t *)x = take_u32(t);
}

static void take_curve(struct take *t, void *x)
{
	*(TPM2_ECC_CURVE *)x = take_u16(t);
}

static void take_property(struct take *t, void *x)
{
	TPMS_TAGGED_PROPERTY *p = x;

	p->property = take_u32(t);
	p->value = take_u32(t);
}

static void take_pcr_property(struct take *t, void *x)
{
	TPMS_TAGGED_PCR_SELECT *p = x;

	p->tag = take_u32(t);
	p->sizeofSelect = take_bits(t, p->pcrSelect);
}

static void take_policy(struct take *t, void *x)
{
	TPMS_TAGGED_POLICY *p = x;

	p->handle = take_u32(t);
	p->policyHash.hashAlg = take_hash_or_null(t);
	take_raw(t, wire_hash_size(p->policyHash.hashAlg), p->policyHash.digest.sha512);
}

static void take_act(struct take *t, void *x)
{
	TPMS_ACT_DATA *a = x;

	a->handle = take_u32(t);
	a->timeout = take_u32(t);
	a->attributes = take_u32(t);
}

/* A TPML: a count and an array that begins at `array` from the list's own start. */
struct list {
	uint32_t cap;
	size_t array, max, size;
	void (*take)(struct take *t, void *x);
};

#define LIST(cap, type, member, taker)                                                             \
	{                                                                                          \
		cap, offsetof(type, member), ARRAY_LEN(((type *)NULL)->member),                    \
			sizeof *((type *)NULL)->member, taker                                      \
	}

static const struct list capabilities[] = {
	LIST(TPM2_CAP_ALGS, TPML_ALG_PROPERTY, algProperties, take_algorithm),
	LIST(TPM2_CAP_HANDLES, TPML_HANDLE, handle, take_word),
	LIST(TPM2_CAP_COMMANDS, TPML_CCA, commandAttributes, take_word),
	LIST(TPM2_CAP_PP_COMMANDS, TPML_CC, commandCodes, take_word),
	LIST(TPM2_CAP_AUDIT_COMMANDS, TPML_CC, commandCodes, take_word),
	LIST(TPM2_CAP_PCRS, TPML_PCR_SELECTION, pcrSelections, take_selection),
	LIST(TPM2_CAP_TPM_PROPERTIES, TPML_TAGGED_TPM_PROPERTY, tpmProperty, take_property),
	LIST(TPM2_CAP_PCR_PROPERTIES, TPML_TAGGED_PCR_PROPERTY, pcrProperty, take_pcr_property),
	LIST(TPM2_CAP_ECC_CURVES, TPML_ECC_CURVE, eccCurves, take_curve),
	LIST(TPM2_CAP_AUTH_POLICIES, TPML_TAGGED_POLICY, policies, take_policy),
	LIST(TPM2_CAP_ACT, TPML_ACT_DATA, actData, take_act),
};

static void take_list(struct take *t, const struct list *l, void *list)
{
	uint32_t n = take_u32(t);

	if (n > l->max) {
		take_fail(t, "a list is longer than it may be");
		return;
	}
	*(uint32_t *)list = n;
	for (size_t i = 0; i < n && !t->err; i++)
		l->take(t, (uint8_t *)list + l->array + i * l->size);
}

static const struct list *capability_find(uint32_t cap)
{
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
		if (capabilities[i].cap == cap)
			return &capabilities[i];
	return NULL;
}

enum inro_err wire_read_capability(struct bytes *in, TPMS_CAPABILITY_DATA *ret)
{
	struct take t = { .in = *in };
	TPMS_CAPABILITY_DATA x = { .capability = take_u32(&t) };
	const struct list *l = capability_find(x.capability);

	if (!l)
		take_fail(&t, "it is a capability of an unknown kind");
	else
		take_list(&t, l, &x.data);
	if (!t.err)
		*ret = x;
	return take_done(&t, in);
}

void take_pcr_selection(struct take *t, TPML_PCR_SELECTION *x)
{
	take_list(t, capability_find(TPM2_CAP_PCRS), x);
}

enum inro_err wire_read_pcr_selection(struct bytes *in, TPML_PCR_SELECTION *ret)
{
	struct take t = { .in = *in };
	TPML_PCR_SELECTION x = { 0 };

	take_pcr_selection(&t, &x);
	if (!t.err)
		*ret = x;
	return take_done(&t, in);
}

/* ---- digests ---- */

void wire_add_digest_list(struct buf *b, const TPML_DIGEST *x)
{
	if (x->count > ARRAY_LEN(x->digests)) {
		wire_fail(b, INRO_E_ARG, "too many digests in one list");
		return;
	}
	buf_add_u32(b, x->count);
	for (size_t i = 0; i < x->count; i++)
		ADD_TPM2B(b, &x->digests[i], buffer);
}
