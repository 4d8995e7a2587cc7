/* tpm_tell - what the TPM tells about itself. */
#include "tpm/token/tpm_private.h"

#include "base/own.h"

struct telling {
	struct backend *b;
	struct buf out; /* begun anew by each step */
};

static enum inro_err root_step(struct tpm *t, void *arg)
{
	struct telling *told = arg;
	const struct root *root = NULL;
	enum inro_err e = root_get(t, &root);

	buf_reset(&told->out);
	if (e)
		return e;
	wire_add_public(&told->out, &root->pub);
	return buf_err(&told->out);
}

static enum inro_err tell_root(struct telling *told)
{
	enum inro_err e = words_check_root(&told->b->words, told->b->tpm);

	return e ? e : resident_turn(told->b->tpm, 0, root_step, told);
}

static enum inro_err ek_step(struct tpm *t, void *arg)
{
	struct telling *told = arg;
	SCOPED(buf) pub = { 0 };
	struct ek ek;
	enum inro_err e = root_ek(t, &ek);

	buf_reset(&told->out);
	if (e)
		return e;
	wire_add_public(&pub, &ek.pub);
	buf_add_field(&told->out, buf_bytes(&pub));
	e = buf_err(&pub);
	if (!e)
		e = root_ek_certificates(t, &ek, &told->out);
	root_ek_end(t, &ek);
	return e ? e : buf_err(&told->out);
}

static enum inro_err tell_ek(struct telling *told)
{
	enum inro_err e = words_check_root(&told->b->words, told->b->tpm);

	return e ? e : resident_turn(told->b->tpm, 1, ek_step, told);
}

/* From the words: the TPM is not asked. */
static enum inro_err tell_about(struct telling *told)
{
	const struct words *w = &told->b->words;
	struct buf *out = &told->out;

	buf_addf(out, "tcti=%s\n", w->tcti);
	buf_addf(out, "maker=%s\nmodel=%s\n", w->caps.maker, w->caps.model);
	buf_addf(out, "firmware=%u.%u.%u.%u\n", w->caps.firmware[0] >> 16,
		 w->caps.firmware[0] & 0xffff, w->caps.firmware[1] >> 16,
		 w->caps.firmware[1] & 0xffff);
	buf_addf(out, "places=%s\n", w->no_sealed ? "tpm" : "tpm tpm-sealed");
	if (w->pcr[0])
		buf_addf(out, "pcr=%s\n", w->pcr);
	buf_addf(out, "session=%s\n", w->how == TPM_BY_PASSWORD ? "password" : "hmac");
	buf_add_str(out, "root-name=");
	buf_add_hex(out, BYTES(w->root_name.name, w->root_name.size));
	buf_add_u8(out, '\n');
	return buf_err(out);
}

static enum inro_err (*const facts[])(struct telling *told) = {
	[FACT_ROOT] = tell_root,
	[FACT_EK] = tell_ek,
	[FACT_ABOUT] = tell_about,
};

enum inro_err tpm_tell(struct backend *b, enum backend_fact what, struct buf *ret)
{
	struct telling told = { .b = b };
	enum inro_err e;

	if (what >= ARRAY_LEN(facts))
		return err_set(INRO_E_ARG, "no fact %d is told", (int)what);
	e = facts[what](&told);
	if (!e)
		buf_add(ret, buf_bytes(&told.out));
	buf_clear(&told.out);
	return e ? e : buf_err(ret);
}
