/* tls_curve - see tls_curve.h. */
#include "backoffice/fetch/tls_curve.h"

#include <openssl/bio.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define SPKI_MAX    192 /* more than any key has that is known here */
#define ENTRIES_MAX 16
#define POINT_UNCOMPRESSED 4

/* RFC 5480: all of a SubjectPublicKeyInfo before the uncompressed point. */
static const uint8_t before_p256[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
				       0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
				       0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 };
static const uint8_t before_p384[] = { 0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
				       0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
				       0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00 };

static struct curve {
	const char *name;
	struct bytes before;
	size_t point;
	void *bare; /* a key of the usual provider without a point */
} curves[] = {
	{ "P-256", { before_p256, sizeof before_p256 }, 65, NULL },
	{ "P-384", { before_p384, sizeof before_p384 }, 97, NULL },
};

/* libcrypto's and the usual provider's. */
static struct {
	OSSL_FUNC_BIO_read_ex_fn *read;
	OSSL_FUNC_BIO_ctrl_fn *ctrl;
	OSSL_FUNC_decoder_decode_fn *decode;
	OSSL_FUNC_keymgmt_new_fn *new;
	OSSL_FUNC_keymgmt_free_fn *free;
	OSSL_FUNC_keymgmt_dup_fn *dup;
	OSSL_FUNC_keymgmt_import_fn *import;
	OSSL_FUNC_keymgmt_set_params_fn *set;
} theirs;

static struct bytes point_of(const struct curve *c, struct bytes spki)
{
	size_t n = c->before.n;

	return spki.n == n + c->point && memcmp(spki.p, c->before.p, n) == 0 &&
			       spki.p[n] == POINT_UNCOMPRESSED
		       ? BYTES(spki.p + n, c->point)
		       : BYTES_NONE;
}

/* Its owner is who takes it: then it is NULL here. */
static int give_key(void **key, OSSL_CALLBACK *give, void *arg)
{
	int type = OSSL_OBJECT_PKEY;
	char name[] = "EC";
	const OSSL_PARAM object[] = {
		OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
		OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, name, 0),
		OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, key, sizeof *key),
		OSSL_PARAM_construct_end(),
	};

	return give(object, arg);
}

/* What is no point of the curve is not given, as the usual decoder gives nothing then. */
static int give_point(const struct curve *c, struct bytes point, OSSL_CALLBACK *give, void *arg)
{
	void *key = theirs.dup(c->bare, OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY,
						  (void *)(uintptr_t)point.p, point.n),
		OSSL_PARAM_construct_end(),
	};
	int done = 1;

	if (key && theirs.set(key, params))
		done = give_key(&key, give, arg);
	if (key)
		theirs.free(key);
	return done;
}

static size_t read_some(OSSL_CORE_BIO *in, uint8_t *out, size_t cap)
{
	size_t n = 0, more = 0;

	while (n < cap && theirs.read(in, out + n, cap - n, &more) == 1 && more)
		n += more;
	return n;
}

static int decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *give, void *arg,
		  OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
	uint8_t spki[SPKI_MAX];
	long at = theirs.ctrl(in, BIO_C_FILE_TELL, 0, NULL);
	size_t n = at >= 0 ? read_some(in, spki, sizeof spki) : 0;

	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		struct bytes point = point_of(&curves[i], BYTES(spki, n));

		if (point.n)
			return give_point(&curves[i], point, give, arg);
	}
	if (n)
		theirs.ctrl(in, BIO_C_FILE_SEEK, at, NULL);
	return theirs.decode(ctx, in, selection, give, arg, ask, ask_arg);
}

/* ---- making it ---- */

typedef void any_fn(void);

static any_fn *entry(const OSSL_DISPATCH *d, int id)
{
	while (d && d->function_id && d->function_id != id)
		d++;
	return d && d->function_id ? d->function : NULL;
}

static bool know_theirs(const struct tls_curve_from *f)
{
	theirs.read = (OSSL_FUNC_BIO_read_ex_fn *)entry(f->core, OSSL_FUNC_BIO_READ_EX);
	theirs.ctrl = (OSSL_FUNC_BIO_ctrl_fn *)entry(f->core, OSSL_FUNC_BIO_CTRL);
	theirs.decode = (OSSL_FUNC_decoder_decode_fn *)entry(f->decoder, OSSL_FUNC_DECODER_DECODE);
	theirs.new = (OSSL_FUNC_keymgmt_new_fn *)entry(f->keymgmt, OSSL_FUNC_KEYMGMT_NEW);
	theirs.free = (OSSL_FUNC_keymgmt_free_fn *)entry(f->keymgmt, OSSL_FUNC_KEYMGMT_FREE);
	theirs.dup = (OSSL_FUNC_keymgmt_dup_fn *)entry(f->keymgmt, OSSL_FUNC_KEYMGMT_DUP);
	theirs.import = (OSSL_FUNC_keymgmt_import_fn *)entry(f->keymgmt, OSSL_FUNC_KEYMGMT_IMPORT);
	theirs.set = (OSSL_FUNC_keymgmt_set_params_fn *)entry(f->keymgmt, OSSL_FUNC_KEYMGMT_SET_PARAMS);
	return theirs.read && theirs.ctrl && theirs.decode && theirs.new && theirs.free && theirs.dup &&
	       theirs.import && theirs.set;
}

static bool make_bare(struct curve *c, void *provider)
{
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)c->name, 0),
		OSSL_PARAM_construct_end(),
	};

	c->bare = theirs.new(provider);
	return c->bare && theirs.import(c->bare, OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, params);
}

const OSSL_DISPATCH *tls_curve_decoder(const struct tls_curve_from *f)
{
	static OSSL_DISPATCH ours[ENTRIES_MAX];
	bool good = know_theirs(f);
	size_t n = 0;

	for (size_t i = 0; good && i < ARRAY_LEN(curves); i++)
		good = make_bare(&curves[i], f->provider);
	for (; good && f->decoder[n].function_id; n++) {
		good = n + 1 < ENTRIES_MAX;
		if (!good)
			break;
		ours[n] = f->decoder[n];
		if (ours[n].function_id == OSSL_FUNC_DECODER_DECODE)
			ours[n].function = (any_fn *)decode;
	}
	return good ? ours : f->decoder;
}
