/*
 * keyfile - object by object: libcrypto's store would try any number of rounds of a passphrase before it says a
 * word, and tries what is no key for one.
 */
#include "tools/import/keyfile.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "backoffice/pki/crypt.h"
#include "backoffice/pki/pem.h"
#include "tools/import/keyfile_parts.h"
#include "tools/import/rounds.h"

/* ---- the library context ---- */

static OSSL_LIB_CTX *libctx;

/* PKCS#12 files of older programs are under RC2; without the provider these alone are not read. */
static void libctx_make(void)
{
	OSSL_LIB_CTX *made = OSSL_LIB_CTX_new();

	if (made && OSSL_PROVIDER_load(made, "default")) {
		(void)OSSL_PROVIDER_load(made, "legacy");
		libctx = made;
	} else {
		OSSL_LIB_CTX_free(made);
	}
	ERR_clear_error();
}

/* Kept for the next file: it costs more than reading one. */
static enum inro_err libctx_get(OSSL_LIB_CTX **ret)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, libctx_make);
	*ret = libctx;
	return libctx ? INRO_OK : crypt_err("preparing to read a key file");
}

/* ---- the passphrase ---- */

static void asked_clear(struct asked *a)
{
	secret_clear(&a->passphrase);
}

enum inro_err asked_take(struct asked *a)
{
	if (!a->done)
		a->e = a->ask(a->arg, &a->passphrase);
	a->done = true;
	return a->e;
}

static int give_passphrase(char *room, int n, int writing, void *arg)
{
	struct asked *a = arg;

	(void)writing;
	if (asked_take(a) || n < 0 || a->passphrase.n > (size_t)n)
		return -1;
	if (a->passphrase.n)
		memcpy(room, a->passphrase.p, a->passphrase.n);
	return (int)a->passphrase.n;
}

/* ---- what is found ---- */

void keyfile_clear(struct keyfile *f)
{
	secret_clear(&f->pkcs8);
	for (size_t i = 0; i < f->n; i++)
		buf_clear(&f->certs[i].der);
	*f = (struct keyfile) { 0 };
}

static enum inro_err hash_bits(const X509_PUBKEY *key, uint8_t ret[static KEYFILE_ID_OCTETS])
{
	const unsigned char *bits = NULL;
	int n = 0;

	if (!X509_PUBKEY_get0_param(NULL, &bits, &n, NULL, key) || n <= 0 ||
	    !EVP_Q_digest(crypt_libctx(), "SHA1", NULL, bits, (size_t)n, ret, NULL))
		return crypt_err("hashing a public key");
	return INRO_OK;
}

static enum inro_err id_of_key(EVP_PKEY *pkey, uint8_t ret[static KEYFILE_ID_OCTETS])
{
	X509_PUBKEY *key = NULL;
	enum inro_err e = INRO_OK;

	if (!X509_PUBKEY_set(&key, pkey))
		e = crypt_err("reading a public key");
	if (!e)
		e = hash_bits(key, ret);
	X509_PUBKEY_free(key);
	return e;
}

static enum inro_err encode_key(EVP_PKEY *pkey, struct secret *ret)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
	enum inro_err e = n > 0 ? secret_new((size_t)n, ret) : crypt_err("reading a private key");
	uint8_t *p = ret->p;

	if (!e && i2d_PKCS8_PRIV_KEY_INFO(info, &p) != n)
		e = crypt_err("encoding a private key");
	PKCS8_PRIV_KEY_INFO_free(info); /* wipes it */
	return e;
}

enum inro_err keyfile_add_key(EVP_PKEY *pkey, struct keyfile *f)
{
	enum inro_err e;

	if (f->pkcs8.n)
		return err_set(INRO_E_AMBIGUOUS,
			       "there is more than one private key; import them one by one");
	e = id_of_key(pkey, f->id);
	return e ? e : encode_key(pkey, &f->pkcs8);
}

static void name_cert(X509 *x, const char *name, struct keyfile_cert *c)
{
	if (name && *name)
		snprintf(c->name, sizeof c->name, "%s", name);
	else
		(void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, c->name,
						sizeof c->name);
}

static bool has_cert(const struct keyfile *f, struct bytes der)
{
	for (size_t i = 0; i < f->n; i++)
		if (bytes_equal(buf_bytes(&f->certs[i].der), der))
			return true;
	return false;
}

static enum inro_err take_cert(X509 *x, struct bytes der, const char *name, struct keyfile *f)
{
	struct keyfile_cert *c = &f->certs[f->n];
	enum inro_err e;

	if (has_cert(f, der))
		return INRO_OK;
	if (f->n == KEYFILE_CERTS)
		return err_set(INRO_E_TOO_BIG, "there are more than %d certificates",
			       KEYFILE_CERTS);
	e = hash_bits(X509_get_X509_PUBKEY(x), c->id);
	if (e)
		return e;
	name_cert(x, name, c);
	buf_add(&c->der, der);
	f->n++;
	return buf_err(&c->der);
}

enum inro_err keyfile_add_cert(X509 *x, const char *name, struct keyfile *f)
{
	uint8_t *der = NULL;
	int n = i2d_X509(x, &der);
	enum inro_err e = n > 0 ? take_cert(x, BYTES(der, (size_t)n), name, f)
				: crypt_err("reading a certificate");

	OPENSSL_free(der);
	return e;
}

/* ---- one object in DER ---- */

struct reader {
	OSSL_LIB_CTX *ctx;
	struct asked *asked;
	struct keyfile *f;
	char passed[48]; /* the label of what was passed over first */
};

static void pass_over(struct reader *r, const char *label)
{
	if (!r->passed[0])
		snprintf(r->passed, sizeof r->passed, "%s", label);
}

static enum inro_err undecryptable(void)
{
	ERR_clear_error();
	return err_set(INRO_E_PIN_WRONG, "it can't be decrypted: the passphrase is another, or its "
					 "cipher is too old");
}

static enum inro_err unknown(void)
{
	ERR_clear_error();
	return err_set(INRO_E_SYNTAX, "it is neither a private key (PKCS#8, PKCS#1, SEC1) nor "
				      "PKCS#12 nor a certificate, in PEM or DER");
}

static bool has_nothing(const struct keyfile *f)
{
	return !f->pkcs8.n && !f->n;
}

static enum inro_err take_key(EVP_PKEY *pkey, struct keyfile *f)
{
	enum inro_err e = pkey ? keyfile_add_key(pkey, f) : unknown();

	EVP_PKEY_free(pkey);
	return e;
}

static enum inro_err decrypt(struct reader *r, const X509_SIG *sig)
{
	const struct secret *pass = &r->asked->passphrase;
	PKCS8_PRIV_KEY_INFO *info = NULL;
	const X509_ALGOR *algorithm = NULL;
	enum inro_err e;

	X509_SIG_get0(sig, &algorithm, NULL);
	e = rounds_spend(algorithm, &r->f->rounds);
	if (!e)
		e = asked_take(r->asked);
	if (e)
		return e;
	info = PKCS8_decrypt_ex(sig, pass->n ? (const char *)pass->p : "", (int)pass->n, r->ctx,
				NULL);
	e = info ? take_key(EVP_PKCS82PKEY_ex(info, r->ctx, NULL), r->f) : undecryptable();
	PKCS8_PRIV_KEY_INFO_free(info);
	return e;
}

static struct bytes behind(struct bytes in, const unsigned char *at)
{
	return BYTES(at, in.n - (size_t)(at - in.p));
}

/* The readers take one object off the front of *in; *ret_mine if it is theirs. */
static enum inro_err read_encrypted(struct reader *r, struct bytes *in, bool *ret_mine)
{
	const unsigned char *at = in->p;
	X509_SIG *sig = d2i_X509_SIG(NULL, &at, (long)in->n);
	enum inro_err e = INRO_OK;

	*ret_mine = sig != NULL;
	if (sig) {
		*in = behind(*in, at);
		e = decrypt(r, sig);
	}
	X509_SIG_free(sig);
	return e;
}

static enum inro_err read_cert(struct reader *r, struct bytes *in, bool *ret_mine)
{
	const unsigned char *at = in->p;
	X509 *x = X509_new_ex(r->ctx, NULL);
	enum inro_err e = INRO_OK;

	*ret_mine = x && d2i_X509(&x, &at, (long)in->n) != NULL; /* else it is freed */
	if (*ret_mine) {
		*in = behind(*in, at);
		e = keyfile_add_cert(x, NULL, r->f);
	}
	X509_free(x);
	return e;
}

static enum inro_err read_key(struct reader *r, struct bytes *in, bool *ret_mine)
{
	const unsigned char *at = in->p;
	EVP_PKEY *pkey = d2i_AutoPrivateKey_ex(NULL, &at, (long)in->n, r->ctx, NULL);

	*ret_mine = pkey != NULL;
	if (!pkey)
		return INRO_OK;
	*in = behind(*in, at);
	return take_key(pkey, r->f);
}

/* The name of a curve, which openssl writes before a key of it. */
static enum inro_err read_curve(struct reader *r, struct bytes *in, bool *ret_mine)
{
	const unsigned char *at = in->p;
	ASN1_OBJECT *curve = d2i_ASN1_OBJECT(NULL, &at, (long)in->n);

	*ret_mine = curve != NULL;
	if (curve) {
		*in = behind(*in, at);
		pass_over(r, "EC PARAMETERS");
	}
	ASN1_OBJECT_free(curve);
	return INRO_OK;
}

static enum inro_err read_p12(struct reader *r, struct bytes *in, bool *ret_mine)
{
	enum inro_err e = keyfile_read_p12(*in, r->ctx, r->asked, r->f, ret_mine);

	if (*ret_mine) {
		*in = BYTES_NONE;
		pass_over(r, "PKCS12");
	}
	return e;
}

static enum inro_err read_object(struct reader *r, struct bytes *in)
{
	static enum inro_err (*const readers[])(struct reader *r, struct bytes *in,
						bool *ret_mine) = { read_p12, read_encrypted,
								    read_cert, read_curve,
								    read_key };
	bool mine = false;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < ARRAY_LEN(readers) && !e && !mine; i++)
		e = readers[i](r, in, &mine);
	ERR_clear_error();
	return e || mine ? e : unknown();
}

/* ---- a file of them ---- */

static enum inro_err read_der(struct reader *r, struct bytes in)
{
	enum inro_err e = INRO_OK;

	while (!e && in.n)
		e = read_object(r, &in);
	if (e != INRO_E_SYNTAX || !in.n || has_nothing(r->f))
		return e;
	return err_set(e, "the %zu octets behind what could be read are no key and no certificate",
		       in.n);
}

struct pem {
	char *label, *header;
	unsigned char *data;
	long n;
};

static void pem_wipe(struct pem *p)
{
	OPENSSL_free(p->label);
	OPENSSL_free(p->header);
	OPENSSL_clear_free(p->data, p->n > 0 ? (size_t)p->n : 0);
	*p = (struct pem) { 0 };
}

static bool ends_with(const char *label, const char *end)
{
	size_t n = strlen(label);

	return n >= strlen(end) && strcmp(label + n - strlen(end), end) == 0;
}

/* Parameters, public keys, requests and CRLs beside a key are passed over. */
static bool is_wanted(const char *label)
{
	static const char *const ends[] = { "PRIVATE KEY", "CERTIFICATE", "PKCS12" };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (ends_with(label, ends[i]))
			return true;
	return false;
}

/* RFC 1421, as old keys are encrypted: one round of MD5. */
static enum inro_err pem_decrypt(struct reader *r, struct pem *p)
{
	EVP_CIPHER_INFO cipher;

	if (PEM_get_EVP_CIPHER_INFO(p->header, &cipher) == 1 &&
	    PEM_do_header(&cipher, p->data, &p->n, give_passphrase, r->asked) == 1)
		return INRO_OK;
	ERR_clear_error();
	return r->asked->e ? r->asked->e : undecryptable();
}

static enum inro_err of_openssh(void)
{
	return err_set(INRO_E_SYNTAX, "it is a key in OpenSSH's own form: of a copy of the file "
				      "'ssh-keygen -p -m PKCS8 -f COPY' makes one that is read here");
}

/* What is behind the object in its block is libcrypto's own (the trust in a certificate); headers that
 * don't say that it is encrypted are words. */
static enum inro_err read_block(struct reader *r, struct pem *p)
{
	struct bytes in;
	enum inro_err e = INRO_OK;

	if (!is_wanted(p->label)) {
		pass_over(r, p->label);
		return INRO_OK;
	}
	if (ends_with(p->label, "OPENSSH PRIVATE KEY"))
		return of_openssh();
	if (strstr(p->header, "ENCRYPTED"))
		e = pem_decrypt(r, p);
	in = BYTES(p->data, (size_t)p->n);
	return e ? e : read_object(r, &in);
}

static enum inro_err broken(void)
{
	return err_set(INRO_E_SYNTAX, "its PEM is broken: a block begins with '-----BEGIN ...-----', "
				      "ends with '-----END ...-----', each at the start of a line of "
				      "its own, and has Base64 in between");
}

static enum inro_err read_pem(struct reader *r, struct bytes content)
{
	BIO *bio = BIO_new_mem_buf(content.p, (int)content.n);
	struct pem p = { 0 };
	enum inro_err e = bio ? INRO_OK : crypt_err("opening a key file");

	while (!e && PEM_read_bio(bio, &p.label, &p.header, &p.data, &p.n) == 1) {
		e = read_block(r, &p);
		pem_wipe(&p);
	}
	if (!e && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		e = broken();
	BIO_free(bio);
	ERR_clear_error();
	return e;
}

/* The key's own certificate goes to the front. */
static void sort_certs(struct keyfile *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->certs[i].of_key =
			f->pkcs8.n && memcmp(f->certs[i].id, f->id, KEYFILE_ID_OCTETS) == 0;
	for (size_t i = 1; i < f->n; i++) {
		struct keyfile_cert c = f->certs[i];

		if (!c.of_key || f->certs[0].of_key)
			continue;
		f->certs[i] = f->certs[0];
		f->certs[0] = c;
	}
}

static enum inro_err nothing_but(const char *passed)
{
	if (!*passed)
		return broken();
	return err_set(INRO_E_SYNTAX,
		       "there is neither a private key nor a certificate in it, only '%s'", passed);
}

enum inro_err keyfile_read(struct bytes content, keyfile_ask *ask, void *arg, struct keyfile *ret)
{
	SCOPED(asked) asked = { .ask = ask, .arg = arg };
	struct reader r = { .asked = &asked, .f = ret };
	enum inro_err e;

	if (!content.n || content.n > KEYFILE_MAX)
		return err_set(INRO_E_TOO_BIG, "it has %zu octets; 1 to %zu are taken", content.n,
			       KEYFILE_MAX);
	e = libctx_get(&r.ctx);
	if (!e)
		e = pem_is(content) ? read_pem(&r, content) : read_der(&r, content);
	if (!e && has_nothing(ret))
		e = nothing_but(r.passed);
	sort_certs(ret);
	return e;
}
