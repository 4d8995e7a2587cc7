/* core - see core.h. */
#include "provider/core.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/params.h>

/* Where each upcall goes in struct core. */
static const struct slot {
	int id;
	size_t offset;
} slots[] = {
	{ OSSL_FUNC_CORE_GET_PARAMS, offsetof(struct core, get_params) },
	{ OSSL_FUNC_CORE_NEW_ERROR, offsetof(struct core, new_error) },
	{ OSSL_FUNC_CORE_SET_ERROR_DEBUG, offsetof(struct core, set_error_debug) },
	{ OSSL_FUNC_CORE_VSET_ERROR, offsetof(struct core, vset_error) },
	{ OSSL_FUNC_BIO_READ_EX, offsetof(struct core, bio_read) },
	{ OSSL_FUNC_BIO_WRITE_EX, offsetof(struct core, bio_write) },
	{ OSSL_FUNC_BIO_GETS, offsetof(struct core, bio_gets) },
	{ OSSL_FUNC_BIO_CTRL, offsetof(struct core, bio_ctrl) },
};

static void take_upcall(struct core *c, const OSSL_DISPATCH *d)
{
	for (size_t i = 0; i < ARRAY_LEN(slots); i++)
		if (slots[i].id == d->function_id)
			memcpy((char *)c + slots[i].offset, &d->function, sizeof d->function);
}

bool core_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, struct core *ret)
{
	struct core c = { .handle = handle };

	for (; in->function_id; in++)
		take_upcall(&c, in);
	if (!c.get_params || !c.new_error || !c.set_error_debug || !c.vset_error || !c.bio_read ||
	    !c.bio_write || !c.bio_gets)
		return false;
	*ret = c;
	return true;
}

const char *core_setting(const struct core *c, const char *name)
{
	char *value = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_ptr(name, &value, 0),
		OSSL_PARAM_construct_end(),
	};

	if (!c->get_params(c->handle, params) || !value || !*value)
		return NULL;
	return value;
}

static void vset(const struct core *c, uint32_t reason, const char *format, ...) PRINTF_LIKE(3, 4);

static void vset(const struct core *c, uint32_t reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	c->vset_error(c->handle, reason, format, args);
	va_end(args);
}

void core_raise(const struct core *c, enum inro_err e, const char *file, int line,
		const char *function)
{
	c->new_error(c->handle);
	c->set_error_debug(c->handle, file, line, function);
	vset(c, (uint32_t)e, "%s", err_detail(e));
}

#define PIECE 512

/* Into the buffer itself: what is looked at may be the beginning of somebody's private key. */
static size_t read_piece(const struct core *c, OSSL_CORE_BIO *in, size_t n, struct buf *ret)
{
	size_t before = ret->n, got = 0;
	uint8_t *p = buf_extend(ret, n);

	if (!p)
		return 0;
	if (!c->bio_read(in, p, n, &got))
		got = 0;
	buf_truncate(ret, before + got);
	return got;
}

enum inro_err core_read(const struct core *c, OSSL_CORE_BIO *in, size_t max, struct buf *ret)
{
	size_t got = 1;

	for (size_t done = 0; got > 0 && done < max; done += got)
		got = read_piece(c, in, max - done < PIECE ? max - done : PIECE, ret);
	return buf_err(ret);
}

bool core_line(const struct core *c, OSSL_CORE_BIO *in, char *line, size_t cap)
{
	return c->bio_gets(in, line, (int)cap) > 0;
}

enum inro_err core_write(const struct core *c, OSSL_CORE_BIO *out, struct bytes b)
{
	size_t done;

	while (b.n) {
		if (!c->bio_write(out, b.p, b.n, &done) || done == 0)
			return err_set(INRO_E_IO, "the key can't be written to the output");
		b = BYTES(b.p + done, b.n - done);
	}
	return INRO_OK;
}

/* The file itself is flushed, not the BIO: a filter before it (base64, a cipher) would take that for
 * the end of its input. */
enum inro_err core_flush(const struct core *c, OSSL_CORE_BIO *out)
{
	FILE *file = NULL;

	if (!c->bio_ctrl || c->bio_ctrl(out, BIO_C_GET_FILE_PTR, 0, &file) <= 0 || !file)
		return INRO_OK;
	if (fflush(file) == 0)
		return INRO_OK;
	return err_set(INRO_E_IO, "the file can't be written: %s", strerror(errno));
}

/* Programs that show only the reason, as mosquitto and PostgreSQL do, show no detail: these say
 * what it may be about. */
static const struct hint {
	enum inro_err e;
	const char *text;
} hints[] = {
	{ INRO_E_NOT_FOUND, "token, key or PIN file not found: openssl pkey -in KEY says which" },
	{ INRO_E_ACCESS, "no permission for the token's folder or the PIN file" },
	{ INRO_E_PIN_MISSING, "no PIN: set pin = file:PATH in openssl.cnf" },
};

static const char *reason(enum inro_err e)
{
	for (size_t i = 0; i < ARRAY_LEN(hints); i++)
		if (hints[i].e == e)
			return hints[i].text;
	return err_text(e);
}

const OSSL_ITEM *core_reasons(void)
{
	static OSSL_ITEM items[INRO_E__MAX];
	unsigned n = 0;

	for (unsigned e = 1; e < INRO_E__MAX; e++, n++) {
		const char *text = reason((enum inro_err)e);

		items[n].id = e;
		memcpy(&items[n].ptr, &text, sizeof text);
	}
	return items; /* the last row is left empty */
}
