/* bundle - one segment at a time through AES-256-GCM, in both directions. */
#include "pkcs11/token/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"
#include "pkcs11/token/libctx.h"

#define MAGIC	"inrobak1"
#define SALT	16
#define HEAD	(8 + 3 + SALT)
#define SEGMENT 65536
#define TAG	16
#define LAST	0x80000000u
#define KEY	32
#define LOG2_N	16
#define MAX_N	20

struct coder {
	const char *name;	/* of the bundle */
	uint8_t head[HEAD + 4]; /* and of the segment */
	uint64_t count;
	struct secret key;
	EVP_CIPHER_CTX *ctx;
	FILE *in, *out;
	uint8_t box[SEGMENT + TAG];
};

static void coder_clear(struct coder *c)
{
	secret_clear(&c->key);
	EVP_CIPHER_CTX_free(c->ctx);
	if (c->in)
		fclose(c->in);
	if (c->out)
		fclose(c->out);
}

static void free_coder(struct coder **c)
{
	if (*c)
		coder_clear(*c);
	free(*c);
}

static void free_kdf(EVP_KDF_CTX **p)
{
	EVP_KDF_CTX_free(*p);
}

static enum inro_err derive(struct coder *c, struct bytes pass)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(free_kdf) EVP_KDF_CTX *ctx = NULL;
	uint64_t n = (uint64_t)1 << c->head[8];
	uint32_t r = c->head[9], p = c->head[10];
	uint64_t memory = UINT64_C(128) * r * (n + p + 2) + 4096;
	EVP_KDF *scrypt;
	/* OSSL_PARAM has no const; what it points to is only read */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD,
						  (void *)(uintptr_t)pass.p, pass.n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, c->head + 11, SALT),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
		OSSL_PARAM_construct_end(),
	};
	enum inro_err e = libctx_scrypt(&scrypt);

	if (!e)
		e = secret_new(KEY, &c->key);
	if (e)
		return e;
	ctx = EVP_KDF_CTX_new(scrypt);
	if (!ctx || EVP_KDF_derive(ctx, c->key.p, c->key.n, params) != 1)
		return libcrypto_err("scrypt");
	return INRO_OK;
}

static enum inro_err open_files(const char *from, const char *to, struct coder *c)
{
	int fd;

	c->in = fopen(from, "rbe");
	if (!c->in)
		return file_err(errno, from);
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return file_err(errno, to);
	c->out = fdopen(fd, "wb");
	if (!c->out)
		close(fd);
	return c->out ? INRO_OK : INRO_E_NO_MEMORY;
}

static enum inro_err coder_new(const char *name, struct coder **ret)
{
	struct coder *c = calloc(1, sizeof *c);

	if (c)
		c->ctx = EVP_CIPHER_CTX_new();
	if (!c || !c->ctx) {
		free(c);
		return err_set(INRO_E_NO_MEMORY, "no memory for a backup");
	}
	c->name = name;
	*ret = c;
	return INRO_OK;
}

/* Starts a segment: `head` is its four bytes. */
static enum inro_err start(struct coder *c, uint32_t head, int encrypt)
{
	uint8_t nonce[12] = { 0 };
	const EVP_CIPHER *gcm;
	int n;
	enum inro_err e = libctx_aes_256_gcm(&gcm);

	if (e)
		return e;
	for (int i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(c->count >> (56 - 8 * i));
	for (int i = 0; i < 4; i++)
		c->head[HEAD + i] = (uint8_t)(head >> (24 - 8 * i));
	c->count++;
	if (EVP_CipherInit_ex2(c->ctx, gcm, c->key.p, nonce, encrypt, NULL) != 1 ||
	    EVP_CipherUpdate(c->ctx, NULL, &n, c->head, sizeof c->head) != 1)
		return libcrypto_err("AES-GCM");
	return INRO_OK;
}

static enum inro_err put(struct coder *c, const void *p, size_t n)
{
	if (n > 0 && fwrite(p, 1, n, c->out) != n)
		return file_err(errno, c->name);
	return INRO_OK;
}

static enum inro_err finish(struct coder *c)
{
	if (fflush(c->out) != 0 || fsync(fileno(c->out)) != 0)
		return file_err(errno, c->name);
	return INRO_OK;
}

/* ---- writing ---- */

static enum inro_err close_segment(struct coder *c, const uint8_t *plain, size_t n, bool last)
{
	KEEP_LIBCRYPTO_ERRORS();
	int got = 0, end = 0;
	enum inro_err e = start(c, (uint32_t)n | (last ? LAST : 0), 1);

	if (e)
		return e;
	if ((n && EVP_CipherUpdate(c->ctx, c->box, &got, plain, (int)n) != 1) ||
	    EVP_CipherFinal_ex(c->ctx, c->box + got, &end) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_GET_TAG, TAG, c->box + n) != 1)
		return libcrypto_err("AES-GCM");
	e = put(c, c->head + HEAD, 4);
	return e ? e : put(c, c->box, n + TAG);
}

static enum inro_err encrypt_all(struct coder *c, struct bytes pass)
{
	uint8_t plain[4096 * 4];
	bool last = false;

	memcpy(c->head, MAGIC, 8);
	c->head[8] = LOG2_N;
	c->head[9] = 8;
	c->head[10] = 1;
	enum inro_err e = random_fill(c->head + 11, SALT);

	if (!e)
		e = derive(c, pass);
	if (!e)
		e = put(c, c->head, HEAD);
	while (!e && !last) {
		size_t n = fread(plain, 1, sizeof plain, c->in);

		if (ferror(c->in))
			return file_err(errno, "the copy of the token");
		last = n < sizeof plain;
		e = close_segment(c, plain, n, last);
	}
	return e ? e : finish(c);
}

/* ---- reading ---- */

static enum inro_err damaged(const struct coder *c, const char *how)
{
	return err_set(INRO_E_DAMAGED, "%s: the backup %s", c->name, how);
}

static enum inro_err take(struct coder *c, void *p, size_t n)
{
	if (fread(p, 1, n, c->in) == n)
		return INRO_OK;
	return ferror(c->in) ? file_err(errno, c->name) : damaged(c, "is cut off");
}

static enum inro_err open_box(struct coder *c, uint32_t head, uint8_t *plain)
{
	KEEP_LIBCRYPTO_ERRORS();
	size_t n = head & ~LAST;
	int got = 0, end = 0;
	enum inro_err e = start(c, head, 0);

	if (e)
		return e;
	if ((n && EVP_CipherUpdate(c->ctx, plain, &got, c->box, (int)n) != 1) ||
	    EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_SET_TAG, TAG, c->box + n) != 1)
		return libcrypto_err("AES-GCM");
	if (EVP_CipherFinal_ex(c->ctx, plain + got, &end) == 1)
		return INRO_OK;
	if (c->count == 1)
		return err_set(INRO_E_PIN_WRONG, "%s: wrong passphrase, or the backup is damaged",
			       c->name);
	return damaged(c, "is damaged");
}

static enum inro_err open_segment(struct coder *c, bool *ret_last)
{
	uint8_t plain[SEGMENT], head[4];
	uint32_t h;
	enum inro_err e = take(c, head, sizeof head);

	if (e)
		return e;
	h = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
	if ((h & ~LAST) > SEGMENT)
		return damaged(c, "is damaged");
	e = take(c, c->box, (h & ~LAST) + TAG);
	if (!e)
		e = open_box(c, h, plain);
	if (!e && c->out)
		e = put(c, plain, h & ~LAST);
	*ret_last = (h & LAST) != 0;
	return e;
}

static enum inro_err decrypt_all(struct coder *c, struct bytes pass)
{
	bool last = false;
	enum inro_err e = take(c, c->head, HEAD);

	if (e)
		return e;
	if (memcmp(c->head, MAGIC, 8) != 0)
		return damaged(c, "is none of ours");
	if (c->head[8] < 10 || c->head[8] > MAX_N || c->head[9] != 8 || c->head[10] != 1)
		return damaged(c, "asks for scrypt parameters that are never written");
	e = derive(c, pass);
	while (!e && !last)
		e = open_segment(c, &last);
	if (!e && fgetc(c->in) != EOF)
		e = damaged(c, "has more behind its end");
	return e;
}

static enum inro_err read_back(const char *path, struct bytes pass)
{
	AUTO(free_coder) struct coder *c = NULL;
	enum inro_err e = coder_new(path, &c);

	if (e)
		return e;
	c->in = fopen(path, "rbe");
	return c->in ? decrypt_all(c, pass) : file_err(errno, path);
}

/* ---- the outside ---- */

static enum inro_err check_pass(struct bytes pass)
{
	if (pass.n >= BUNDLE_PASS_MIN && pass.n <= SECRET_MAX_PIN)
		return INRO_OK;
	return err_set(INRO_E_PIN_FORMAT, "a passphrase has %d to %d bytes", BUNDLE_PASS_MIN,
		       SECRET_MAX_PIN);
}

static enum inro_err write_part(const char *from, const char *part, struct bytes pass)
{
	AUTO(free_coder) struct coder *c = NULL;
	enum inro_err e = coder_new(part, &c);

	if (!e)
		e = open_files(from, part, c);
	return e ? e : encrypt_all(c, pass);
}

enum inro_err bundle_write(const char *from, const char *to, struct bytes passphrase)
{
	AUTO(free_chars) char *part = NULL;
	enum inro_err e = check_pass(passphrase);

	if (e)
		return e;
	if (access(to, F_OK) == 0)
		return file_err(EEXIST, to);
	if (asprintf(&part, "%s.%ld.part", to, (long)getpid()) < 0) {
		part = NULL;
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	}
	e = write_part(from, part, passphrase);
	if (!e)
		e = read_back(part, passphrase);
	if (!e)
		e = file_take_name(part, to); /* only now that it was read back; one that is there stays */
	unlink(part);
	return e;
}

enum inro_err bundle_read(const char *from, const char *to, struct bytes passphrase)
{
	AUTO(free_coder) struct coder *c = NULL;
	enum inro_err e = coder_new(from, &c);

	if (!e)
		e = open_files(from, to, c);
	if (e)
		return e;
	e = decrypt_all(c, passphrase);
	if (!e)
		e = finish(c);
	if (e)
		unlink(to);
	return e;
}
