/* cmd_tpm - commands about the TPM itself (part 3: 9, 15, 22.4, 30). */
#include "tpm/talk/cmd_private.h"

#include <string.h>

/* The most that TPM2_GetRandom gives at once: the largest digest that every TPM has. */
#define RANDOM_PART 32

void blob_clear(struct blob *b)
{
	buf_clear(&b->pub);
	buf_clear(&b->priv);
}

enum inro_err blob_fill(struct blob *b, struct bytes pub, struct bytes priv)
{
	enum inro_err e;

	buf_add(&b->pub, pub);
	buf_add(&b->priv, priv);
	e = buf_err(&b->pub);
	return e ? e : buf_err(&b->priv);
}

enum inro_err cmd_startup(struct tpm *t)
{
	SCOPED(buf) params = { 0 };
	enum inro_err e;

	wire_add_u16(&params, TPM2_SU_CLEAR);
	e = cmd_tell(t, &(struct tpm_command) { .cc = TPM2_CC_Startup }, &params);
	return e && tpm_last_rc() == TPM2_RC_INITIALIZE ? INRO_OK : e;
}

/* What was not asked for would be read as what was. */
static enum inro_err read_answer(struct bytes in, TPM2_CAP cap, TPMS_CAPABILITY_DATA *ret)
{
	uint8_t more;
	enum inro_err e = read_u8(&in, &more);

	if (!e)
		e = wire_read_capability(&in, ret);
	if (!e)
		e = wire_end(in);
	if (!e && ret->capability != cap)
		e = err_set(INRO_E_SYNTAX, "the TPM tells what it was not asked for");
	return e;
}

enum inro_err cmd_capability(struct tpm *t, TPM2_CAP cap, uint32_t property, uint32_t count,
			     TPMS_CAPABILITY_DATA *ret)
{
	struct tpm_command c = { .cc = TPM2_CC_GetCapability };
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	enum inro_err e;

	buf_add_u32(&params, cap);
	buf_add_u32(&params, property);
	buf_add_u32(&params, count);
	e = cmd_send(t, &c, &params, NULL, &answer);
	return e ? e : read_answer(buf_bytes(&answer), cap, ret);
}

static enum inro_err random_part(struct tpm *t, uint8_t *out, size_t n, size_t *ret_n)
{
	struct tpm_command c = { .cc = TPM2_CC_GetRandom, .secret_out = true };
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	struct bytes x;
	enum inro_err e;

	wire_add_u16(&params, (uint16_t)n);
	e = cmd_ask(t, &c, &params, n, &answer, &x, NULL);
	if (e)
		return e;
	if (x.n == 0)
		return err_set(INRO_E_TOKEN, "the TPM gives no random bytes");
	memcpy(out, x.p, x.n);
	*ret_n = x.n;
	return INRO_OK;
}

enum inro_err cmd_random(struct tpm *t, uint8_t *out, size_t n)
{
	size_t done = 0, got = 0;

	while (done < n) {
		size_t want = n - done < RANDOM_PART ? n - done : RANDOM_PART;
		enum inro_err e = random_part(t, out + done, want, &got);

		if (e)
			return e;
		done += got;
	}
	return INRO_OK;
}

/* Takes what has been read off what is wanted; false when nothing of it was. */
static bool subtract(TPML_PCR_SELECTION *want, const TPML_PCR_SELECTION *got)
{
	uint8_t hit = 0;

	for (size_t i = 0; i < want->count && i < got->count; i++) {
		TPMS_PCR_SELECTION *w = &want->pcrSelections[i];
		const TPMS_PCR_SELECTION *g = &got->pcrSelections[i];

		for (size_t j = 0; j < w->sizeofSelect && j < g->sizeofSelect; j++) {
			hit |= w->pcrSelect[j] & g->pcrSelect[j];
			w->pcrSelect[j] &= (uint8_t)~g->pcrSelect[j];
		}
	}
	return hit != 0;
}

static bool is_empty(const TPML_PCR_SELECTION *x)
{
	uint8_t any = 0;

	for (size_t i = 0; i < x->count; i++)
		for (size_t j = 0; j < x->pcrSelections[i].sizeofSelect; j++)
			any |= x->pcrSelections[i].pcrSelect[j];
	return any == 0;
}

static enum inro_err add_digests(struct bytes *in, struct buf *values)
{
	struct bytes x;
	uint32_t n;
	enum inro_err e = read_u32(in, &n);

	for (uint32_t i = 0; !e && i < n; i++) {
		e = wire_read_2b(in, sizeof(TPMU_HA), &x);
		if (!e)
			buf_add(values, x);
	}
	return e ? e : wire_end(*in);
}

/* At most eight values come at once. */
static enum inro_err pcr_part(struct tpm *t, TPML_PCR_SELECTION *want, struct buf *values)
{
	struct tpm_command c = { .cc = TPM2_CC_PCR_Read };
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	TPML_PCR_SELECTION got;
	struct bytes in;
	uint32_t counter;
	enum inro_err e;

	wire_add_pcr_selection(&params, want);
	e = cmd_send(t, &c, &params, NULL, &answer);
	if (e)
		return e;
	in = buf_bytes(&answer);
	e = read_u32(&in, &counter);
	if (!e)
		e = wire_read_pcr_selection(&in, &got);
	if (!e)
		e = add_digests(&in, values);
	if (!e && !subtract(want, &got))
		return err_set(INRO_E_CONFIG, "the TPM has not all of the PCRs: choose others");
	return e;
}

enum inro_err cmd_pcr_read(struct tpm *t, const TPML_PCR_SELECTION *which,
			   TPM2B_DIGEST *ret_values_hash)
{
	SCOPED(buf) values = { 0 };
	TPML_PCR_SELECTION want = *which;
	struct bytes all;
	enum inro_err e = INRO_OK;

	while (!e && !is_empty(&want))
		e = pcr_part(t, &want, &values);
	if (!e)
		e = buf_err(&values);
	all = buf_bytes(&values);
	return e ? e : crypt_hash(TPM2_ALG_SHA256, &all, 1, ret_values_hash);
}
