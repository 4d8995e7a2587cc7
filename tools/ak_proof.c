/* ak_proof - see ak_proof.h. */
#include "tools/ak_proof.h"

#include "base/file.h"

#define SECRET_FILE_MAX ((size_t)4096)

void ak_proof_clear(struct ak_proof *p)
{
	secret_clear(&p->secret);
}

enum inro_err ak_proof_write(const char *path, const struct ak_proof *p)
{
	SCOPED(buf) text = { .secret = true };
	enum inro_err e;

	buf_add_hex(&text, secret_bytes(&p->secret));
	buf_add_u8(&text, ' ');
	buf_add_hex(&text, BYTES(p->ak.name, p->ak.size));
	buf_add_u8(&text, ' ');
	buf_add_hex(&text, BYTES(p->ek.name, p->ek.size));
	buf_add_u8(&text, '\n');
	e = buf_err(&text);
	return e ? e : file_write(path, 0600, buf_bytes(&text));
}

/* The next word of hex, at most `cap` bytes of it. */
static enum inro_err take_hex(struct bytes *in, uint8_t *out, size_t cap, size_t *ret)
{
	size_t n = 0;
	struct bytes word;

	while (n < in->n && in->p[n] != ' ' && in->p[n] != '\n')
		n++;
	word = BYTES(in->p, n);
	n += n < in->n;
	*in = BYTES(in->p + n, in->n - n);
	return hex_decode(word, out, cap, ret);
}

static enum inro_err take_secret(struct bytes *in, struct secret *ret)
{
	SCOPED(secret) s = { 0 };
	size_t n = 0;
	enum inro_err e = secret_new(64, &s);

	if (!e)
		e = take_hex(in, s.p, s.n, &n);
	if (!e && n < 16)
		e = INRO_E_SYNTAX;
	if (e)
		return e;
	secret_shrink(&s, n);
	*ret = s;
	s = (struct secret) { 0 };
	return INRO_OK;
}

static enum inro_err take_name(struct bytes *in, TPM2B_NAME *ret)
{
	size_t n = 0;
	enum inro_err e = take_hex(in, ret->name, sizeof ret->name, &n);

	ret->size = (uint16_t)n;
	return e;
}

enum inro_err ak_proof_read(const char *path, struct ak_proof *p)
{
	SCOPED(buf) text = { .secret = true };
	struct bytes in;
	enum inro_err e = file_read(path, SECRET_FILE_MAX, &text);

	if (e)
		return e;
	in = buf_bytes(&text);
	e = take_secret(&in, &p->secret);
	if (!e)
		e = take_name(&in, &p->ak);
	if (!e)
		e = take_name(&in, &p->ek);
	if (e || in.n)
		return err_set(INRO_E_SYNTAX, "'%s' was not written by 'inro attest challenge'",
			       path);
	return INRO_OK;
}

enum inro_err ak_proof_answer(const char *path, struct secret *ret)
{
	SCOPED(buf) text = { .secret = true };
	struct bytes in;
	enum inro_err e = file_read(path, SECRET_FILE_MAX, &text);

	if (e)
		return e;
	in = buf_bytes(&text);
	if (take_secret(&in, ret) || in.n)
		return err_set(INRO_E_SYNTAX, "'%s' is no answer of 'inro attest answer'", path);
	return INRO_OK;
}
