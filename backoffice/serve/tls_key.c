/*
 * tls_key - the key with which the server proves who it is, in a file or in a token: its TLS contexts,
 * and requests for certificates.
 */
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backoffice/fetch/keyroom.h"
#include "backoffice/serve/parts.h"

struct tls_key {
	struct keyroom *room;
	EVP_PKEY *pkey;
};

enum inro_err tls_key_open(const struct serve_options *o, struct tls_key **ret)
{
	const struct keyroom_pins pins = { o->ask_pin, o->ask_arg };
	struct tls_key *k = calloc(1, sizeof *k);
	enum inro_err e;

	if (!k)
		return err_set(INRO_E_NO_MEMORY, "no memory for the TLS key");
	e = keyroom_open(&k->room);
	if (e == INRO_OK)
		e = keyroom_key(k->room, o->tls_key, "the TLS key", &pins, &k->pkey);
	if (e == INRO_OK)
		*ret = k;
	else
		tls_key_free(k);
	return e;
}

void tls_key_free(struct tls_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	keyroom_close(k->room);
	free(k);
}

/* ---- with a certificate ---- */

enum inro_err tls_key_context(struct tls_key *k, struct bytes chain, bool client_certs, SSL_CTX **ret)
{
	OSSL_LIB_CTX *lib = keyroom_tls(k->room);
	SSL_CTX *ctx = SSL_CTX_new_ex(lib, NULL, TLS_server_method());
	enum inro_err e = INRO_OK;

	if (!ctx)
		return keyroom_error(INRO_E_CRYPTO, "libssl gives no context");
	e = keyroom_use(ctx, lib, chain, k->pkey, "the TLS certificate");
	if (e == INRO_OK)
		e = http_tls_prepare(ctx, client_certs);
	if (e == INRO_OK)
		*ret = ctx;
	else
		SSL_CTX_free(ctx);
	return e;
}

/* ---- a request for one ---- */

static bool is_address(const char *name)
{
	return strspn(name, "0123456789.") == strlen(name) || strchr(name, ':');
}

static void san_text(struct buf *out, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%s%s", i ? "," : "", is_address(names[i]) ? "IP:" : "DNS:", names[i]);
	buf_add_u8(out, 0);
}

static bool add_sans(X509_REQ *req, const char *sans)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, sans);
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
	bool good = ext && list && sk_X509_EXTENSION_push(list, ext) > 0;

	if (!good)
		X509_EXTENSION_free(ext);
	good = good && X509_REQ_add_extensions(req, list) == 1;
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	return good;
}

/* By what the key itself names: Ed25519 and ML-DSA take no digest, an RSA-PSS key may be bound to one. */
static bool sign_request(struct tls_key *k, X509_REQ *req)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	char md[64] = "";
	bool good = ctx && EVP_PKEY_get_default_digest_name(k->pkey, md, sizeof md) > 0 &&
		    EVP_DigestSignInit_ex(ctx, NULL, strcmp(md, SN_undef) == 0 ? NULL : md,
					  keyroom_lib(k->room), NULL, k->pkey, NULL) > 0 &&
		    X509_REQ_sign_ctx(req, ctx) > 0;

	EVP_MD_CTX_free(ctx);
	return good;
}

static bool fill_request(struct tls_key *k, X509_REQ *req, const char *name, const char *sans)
{
	X509_NAME *dn = X509_REQ_get_subject_name(req);

	return X509_NAME_add_entry_by_txt(dn, "CN", MBSTRING_UTF8, (const void *)name, -1, -1, 0) == 1 &&
	       X509_REQ_set_pubkey(req, k->pkey) == 1 && add_sans(req, sans) && sign_request(k, req);
}

static bool put_der(const X509_REQ *req, struct buf *ret)
{
	int n = i2d_X509_REQ(req, NULL);
	uint8_t *out = n > 0 ? buf_extend(ret, (size_t)n) : NULL;

	return out && i2d_X509_REQ(req, &out) == n;
}

enum inro_err tls_key_request(struct tls_key *k, const char *const *names, size_t n, struct buf *ret)
{
	X509_REQ *req = X509_REQ_new_ex(keyroom_lib(k->room), NULL);
	SCOPED(buf) sans = { 0 };
	bool good;

	san_text(&sans, names, n);
	good = req && !buf_err(&sans) && fill_request(k, req, names[0], (const char *)sans.p) &&
	       put_der(req, ret);
	X509_REQ_free(req);
	return good ? INRO_OK : keyroom_error(INRO_E_CRYPTO, "the TLS key can't sign a request");
}

/* ---- the names of one ---- */

static bool is_name(const GENERAL_NAME *have, const char *name)
{
	ASN1_OCTET_STRING *ip = is_address(name) ? a2i_IPADDRESS(name) : NULL;
	int type;
	const ASN1_STRING *s = GENERAL_NAME_get0_value(have, &type);
	bool same = false;

	if (ip)
		same = type == GEN_IPADD && ASN1_STRING_cmp(s, ip) == 0;
	else if (type == GEN_DNS)
		same = (size_t)ASN1_STRING_length(s) == strlen(name) &&
		       strncasecmp((const char *)ASN1_STRING_get0_data(s), name, strlen(name)) == 0;
	ASN1_OCTET_STRING_free(ip);
	return same;
}

static bool is_among(const GENERAL_NAMES *have, const char *name)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(have); i++)
		if (is_name(sk_GENERAL_NAME_value(have, i), name))
			return true;
	return false;
}

/* A profile adds names of kinds that nobody asked for; of those that somebody asked for, it is these alone. */
static bool is_asked(const GENERAL_NAME *have, const char *const *names, size_t n)
{
	int type;
	bool kind = false;

	GENERAL_NAME_get0_value(have, &type);
	for (size_t i = 0; i < n; i++) {
		if (is_name(have, names[i]))
			return true;
		kind = kind || type == (is_address(names[i]) ? GEN_IPADD : GEN_DNS);
	}
	return !kind;
}

bool tls_names_are(const SSL_CTX *ctx, const char *const *names, size_t n)
{
	GENERAL_NAMES *have = X509_get_ext_d2i(SSL_CTX_get0_certificate(ctx), NID_subject_alt_name, NULL, NULL);
	bool good = have != NULL;

	for (size_t i = 0; good && i < n; i++)
		good = is_among(have, names[i]);
	for (int i = 0; good && i < sk_GENERAL_NAME_num(have); i++)
		good = is_asked(sk_GENERAL_NAME_value(have, i), names, n);
	GENERAL_NAMES_free(have);
	return good;
}
