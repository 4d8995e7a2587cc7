/* known_ak - see known_ak.h. */
#include "tools/known_ak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define MAX_FILE     ((size_t)64 << 20)
#define LOCK_WAIT_MS 10000

static enum inro_err line_of(const TPM2B_NAME *ak, const TPM2B_NAME *ek, struct buf *ret)
{
	buf_add_hex(ret, BYTES(ak->name, ak->size));
	buf_add_u8(ret, ' ');
	buf_add_hex(ret, BYTES(ek->name, ek->size));
	return buf_err(ret);
}

static struct bytes take_line(struct bytes *in)
{
	const uint8_t *end = memchr(in->p, '\n', in->n);
	struct bytes line = BYTES(in->p, end ? (size_t)(end - in->p) : in->n);
	size_t used = line.n + (end ? 1 : 0);

	*in = BYTES(in->p + used, in->n - used);
	return line;
}

static bool has_line(struct bytes text, struct bytes wanted)
{
	while (text.n)
		if (bytes_equal(take_line(&text), wanted))
			return true;
	return false;
}

enum inro_err known_ak_find(const char *path, const TPM2B_NAME *ak, const TPM2B_NAME *ek)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) line = { 0 };
	enum inro_err e = file_read(path, MAX_FILE, &text);

	if (!e)
		e = line_of(ak, ek, &line);
	if (!e && !has_line(buf_bytes(&text), buf_bytes(&line)))
		e = err_set(INRO_E_POLICY,
			    "the attestation key is not in '%s': it has not answered a challenge "
			    "(inro attest challenge, answer, enroll)",
			    path);
	return e;
}

static enum inro_err add_line(const char *path, struct bytes line)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e = file_read(path, MAX_FILE, &text);

	if (e == INRO_E_NOT_FOUND) {
		err_reset();
		e = INRO_OK;
	}
	if (e || has_line(buf_bytes(&text), line))
		return e;
	if (text.n && text.p[text.n - 1] != '\n')
		buf_add_u8(&text, '\n');
	buf_add(&text, line);
	buf_add_u8(&text, '\n');
	e = buf_err(&text);
	return e ? e : file_write(path, 0644, buf_bytes(&text));
}

/* Two who enrol at the same time must not lose one. */
enum inro_err known_ak_add(const char *path, const TPM2B_NAME *ak, const TPM2B_NAME *ek)
{
	AUTO(close_fd) int lock = -1;
	AUTO(free_chars) char *lock_path = NULL;
	SCOPED(buf) line = { 0 };
	enum inro_err e = line_of(ak, ek, &line);

	if (e)
		return e;
	if (asprintf(&lock_path, "%s.lock", path) < 0) {
		lock_path = NULL;
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	}
	e = file_lock(lock_path, LOCK_WAIT_MS, &lock);
	return e ? e : add_line(path, buf_bytes(&line));
}
