/* alike_doc - steps of libcrypto's larger parts with a key (alike.h): certificates, CMS, PKCS#7, envelopes, TLS. */
#include "tests/lib/alike.h"

#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

/* The key that a document is made with: of the sequence, and its public half in the file. */
struct with {
	size_t i;
	EVP_PKEY *key, *public;
	const EVP_MD *md;
};

static struct with pick(struct alike_side *s, struct alike_rng *r)
{
	size_t i = alike_pick_key(s, r);
	bool none = alike_is(i, "ED25519") || alike_is(i, "ED448");
	const char *name = none != alike_chance(r, 8) ? NULL : alike_digest(r);

	alike_say(s, "%s %s ", alike_keys[i].name, name ? name : "-");
	return (struct with) { i, s->keys[i], s->all->publics[i], name ? EVP_get_digestbyname(name) : NULL };
}

static void name_it(X509_NAME *name)
{
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"alike", -1, -1, 0);
}

static X509 *cert_for(EVP_PKEY *key)
{
	X509 *x = X509_new();

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	ASN1_TIME_set(X509_getm_notBefore(x), 1700000000);
	ASN1_TIME_set(X509_getm_notAfter(x), 4000000000);
	name_it(X509_get_subject_name(x));
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	return x;
}

static void say_algorithm(struct alike_side *s, const X509_ALGOR *a)
{
	unsigned char *der = NULL;
	int n = a ? i2d_X509_ALGOR(a, &der) : 0;

	if (n > 0)
		alike_bytes(s, "algorithm", der, (size_t)n);
	OPENSSL_free(der);
}

static void certificate(struct alike_side *s, struct alike_rng *r)
{
	struct with w = pick(s, r);
	X509 *x = cert_for(w.key);
	const X509_ALGOR *a = NULL;
	int ret = X509_sign(x, w.key, w.md);

	alike_gives(s, ret > 0);
	if (ret > 0) {
		X509_get0_signature(NULL, &a, x);
		say_algorithm(s, a);
		alike_say(s, "  verifies %d %d", X509_verify(x, w.public), X509_verify(x, w.key));
		alike_gives(s, X509_check_private_key(x, w.key));
	}
	X509_free(x);
}

/* With settings, as `openssl x509 -sigopt` does. */
static void certificate_by_settings(struct alike_side *s, struct alike_rng *r)
{
	static const char *const pads[] = { "pss", "pss", "pkcs1", "x931", "none", "oaep" };
	static const char *const salts[] = { "digest", "max", "auto", "0", "32", "300", "bogus" };
	struct with w = pick(s, r);
	const char *pad = ALIKE_PICK(r, pads), *salt = ALIKE_PICK(r, salts);
	X509 *x = cert_for(w.key);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY_CTX *inner = NULL;
	const X509_ALGOR *a = NULL;
	int ret = EVP_DigestSignInit(c, &inner, w.md, NULL, w.key), set = 0;

	alike_say(s, "%s %s", pad, salt);
	if (ret == 1)
		set = EVP_PKEY_CTX_ctrl_str(inner, "rsa_padding_mode", pad) * 10 +
		      EVP_PKEY_CTX_ctrl_str(inner, "rsa_pss_saltlen", salt);
	alike_say(s, " set %d", set);
	if (ret == 1)
		ret = X509_sign_ctx(x, c) > 0;
	alike_gives(s, ret);
	if (ret == 1) {
		X509_get0_signature(NULL, &a, x);
		say_algorithm(s, a);
		alike_say(s, "  verifies %d\n", X509_verify(x, w.public));
	}
	ERR_clear_error();
	EVP_MD_CTX_free(c);
	X509_free(x);
}

static void request(struct alike_side *s, struct alike_rng *r)
{
	struct with w = pick(s, r);
	X509_REQ *q = X509_REQ_new();
	const X509_ALGOR *a = NULL;
	int ret;

	name_it(X509_REQ_get_subject_name(q));
	X509_REQ_set_pubkey(q, w.key);
	ret = X509_REQ_sign(q, w.key, w.md);
	alike_gives(s, ret > 0);
	if (ret > 0) {
		X509_REQ_get0_signature(q, NULL, &a);
		say_algorithm(s, a);
		alike_say(s, "  verifies %d", X509_REQ_verify(q, w.public));
		alike_gives(s, X509_REQ_check_private_key(q, w.key));
	}
	X509_REQ_free(q);
}

static void revocations(struct alike_side *s, struct alike_rng *r)
{
	struct with w = pick(s, r);
	X509_CRL *l = X509_CRL_new();
	X509_NAME *name = X509_NAME_new();
	ASN1_TIME *now = ASN1_TIME_set(NULL, 1700000000);
	int ret;

	name_it(name);
	X509_CRL_set_version(l, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(l, name);
	X509_CRL_set1_lastUpdate(l, now);
	ret = X509_CRL_sign(l, w.key, w.md);
	alike_gives(s, ret > 0);
	if (ret > 0)
		alike_say(s, "  verifies %d\n", X509_CRL_verify(l, w.public));
	ASN1_TIME_free(now);
	X509_NAME_free(name);
	X509_CRL_free(l);
}

/* The file's key's certificate: the same for both sides. */
static X509 *signed_cert(struct alike_side *s, size_t i)
{
	X509 *x = cert_for(s->all->publics[i]);

	X509_sign(x, s->all->file.keys[4], EVP_sha256());
	ERR_clear_error();
	return x;
}

static void cms_sign(struct alike_side *s, struct alike_rng *r)
{
	static const unsigned more[] = { 0, CMS_NOATTR, CMS_USE_KEYID, CMS_KEY_PARAM, CMS_KEY_PARAM | CMS_NOATTR };
	struct with w = pick(s, r);
	X509 *x = signed_cert(s, w.i);
	BIO *data = BIO_new_mem_buf("some data", -1);
	unsigned flags = ALIKE_PICK(r, more);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, data, CMS_PARTIAL | CMS_BINARY);
	CMS_SignerInfo *si = CMS_add1_signer(cms, x, w.key, w.md, flags);
	X509_ALGOR *a = NULL;
	int ret = si != NULL;

	alike_say(s, "flags %x add", flags);
	alike_gives(s, ret);
	if (ret && (flags & CMS_KEY_PARAM)) {
		alike_say(s, "  pss");
		alike_gives(s, EVP_PKEY_CTX_ctrl_str(CMS_SignerInfo_get0_pkey_ctx(si), "rsa_padding_mode", "pss"));
	}
	if (ret) {
		ret = CMS_final(cms, data, NULL, CMS_BINARY);
		alike_say(s, "  final");
		alike_gives(s, ret);
	}
	if (ret == 1) {
		CMS_SignerInfo_get0_algs(si, NULL, NULL, NULL, &a);
		say_algorithm(s, a);
		alike_say(s, "  verifies");
		alike_gives(s, CMS_verify(cms, NULL, NULL, NULL, NULL, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY));
	}
	CMS_ContentInfo_free(cms);
	BIO_free(data);
	X509_free(x);
}

static void cms_open(struct alike_side *s, struct alike_rng *r)
{
	struct with w = pick(s, r);
	X509 *x = signed_cert(s, w.i);
	BIO *data = BIO_new_mem_buf("some data", -1), *out = BIO_new(BIO_s_mem());
	bool oaep = alike_is(w.i, "RSA") && alike_chance(r, 50);
	CMS_ContentInfo *cms = CMS_encrypt(NULL, data, EVP_aes_128_cbc(), CMS_PARTIAL | CMS_BINARY);
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(cms, x, oaep ? CMS_KEY_PARAM : 0);
	char *text = NULL;
	int ret = ri != NULL;

	if (ret && oaep)
		ret = EVP_PKEY_CTX_set_rsa_padding(CMS_RecipientInfo_get0_pkey_ctx(ri), RSA_PKCS1_OAEP_PADDING);
	if (ret == 1)
		ret = CMS_final(cms, data, NULL, CMS_BINARY);
	alike_say(s, "oaep %d made", oaep);
	alike_gives(s, ret);
	if (ret == 1) {
		alike_say(s, "  opened");
		ret = CMS_decrypt(cms, w.key, alike_chance(r, 70) ? x : NULL, NULL, out, 0);
		alike_gives(s, ret);
	}
	if (ret == 1) {
		long n = BIO_get_mem_data(out, &text);

		alike_bytes(s, "content", text, (size_t)n);
	}
	CMS_ContentInfo_free(cms);
	BIO_free(out);
	BIO_free(data);
	X509_free(x);
}

static void pkcs7_sign(struct alike_side *s, struct alike_rng *r)
{
	struct with w = pick(s, r);
	X509 *x = signed_cert(s, w.i);
	BIO *data = BIO_new_mem_buf("some data", -1);
	int flags = PKCS7_PARTIAL | PKCS7_BINARY | (alike_chance(r, 40) ? PKCS7_NOATTR : 0), ret;
	PKCS7 *p7 = PKCS7_sign(NULL, NULL, NULL, data, flags);
	PKCS7_SIGNER_INFO *si = PKCS7_sign_add_signer(p7, x, w.key, w.md, flags);

	ret = si ? PKCS7_final(p7, data, PKCS7_BINARY) : -1;
	alike_gives(s, ret);
	if (ret == 1) {
		alike_say(s, "  verifies");
		alike_gives(s, PKCS7_verify(p7, NULL, NULL, NULL, NULL, PKCS7_NOVERIFY | PKCS7_BINARY));
	}
	PKCS7_free(p7);
	BIO_free(data);
	X509_free(x);
}

static void pkcs7_open(struct alike_side *s, struct alike_rng *r)
{
	struct with w = pick(s, r);
	X509 *x = signed_cert(s, w.i);
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *data = BIO_new_mem_buf("some data", -1), *out = BIO_new(BIO_s_mem());
	PKCS7 *p7;

	sk_X509_push(all, x);
	p7 = PKCS7_encrypt(all, data, EVP_aes_128_cbc(), PKCS7_BINARY);
	alike_gives(s, p7 != NULL);
	if (p7) {
		alike_say(s, "  opened");
		alike_gives(s, PKCS7_decrypt(p7, w.key, x, out, 0));
		alike_say(s, "  %zu\n", BIO_ctrl_pending(out));
	}
	PKCS7_free(p7);
	sk_X509_pop_free(all, X509_free);
	BIO_free(out);
	BIO_free(data);
}

/* Sealed for the public half that the side itself has. */
static void envelope(struct alike_side *s, struct alike_rng *r)
{
	struct with w = pick(s, r);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	unsigned char wrapped[512], *to[1] = { wrapped }, iv[16], plain[64], sealed[64];
	EVP_PKEY *whose[1] = { w.key };
	int wrapped_n = 0, n = 0, last = 0, ret, plain_n = 0;

	ret = EVP_SealInit(c, EVP_aes_128_cbc(), to, &wrapped_n, iv, whose, 1);
	alike_say(s, "sealed");
	alike_gives(s, ret);
	if (ret == 1 && EVP_SealUpdate(c, sealed, &n, (const unsigned char *)"some data", 9) &&
	    EVP_SealFinal(c, sealed + n, &last)) {
		alike_say(s, "  opened by the file %d",
			  EVP_OpenInit(c, EVP_aes_128_cbc(), wrapped, wrapped_n, iv, s->all->file.keys[w.i]));
		alike_gives(s, 0);
		ret = EVP_OpenInit(c, EVP_aes_128_cbc(), wrapped, wrapped_n, iv, w.key);
		alike_say(s, "  opened");
		alike_gives(s, ret);
		if (ret > 0 && EVP_OpenUpdate(c, plain, &plain_n, sealed, n + last) &&
		    EVP_OpenFinal(c, plain + plain_n, &last))
			alike_bytes(s, "content", plain, (size_t)(plain_n + last));
	}
	ERR_clear_error();
	EVP_CIPHER_CTX_free(c);
}

/* What TLS makes of a key at each security level. */
static void tls_config(struct alike_side *s, struct alike_rng *r)
{
	struct with w = pick(s, r);
	SSL_CTX *c = SSL_CTX_new(TLS_method());
	int level = (int)alike_below(r, 6);
	X509 *x = signed_cert(s, w.i);

	SSL_CTX_set_security_level(c, level);
	alike_say(s, "level %d certificate", level);
	alike_gives(s, SSL_CTX_use_certificate(c, x));
	alike_say(s, "  key");
	alike_gives(s, SSL_CTX_use_PrivateKey(c, w.key));
	alike_say(s, "  check");
	alike_gives(s, SSL_CTX_check_private_key(c));
	X509_free(x);
	SSL_CTX_free(c);
}

/* Both ends in turn until neither has anything more to say. */
static void shake(SSL *server, SSL *client)
{
	BIO *one = NULL, *other = NULL;

	BIO_new_bio_pair(&one, 0, &other, 0);
	SSL_set_bio(server, one, one);
	SSL_set_bio(client, other, other);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	for (int i = 0; i < 10 && !(SSL_is_init_finished(server) && SSL_is_init_finished(client)); i++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
}

/* A server with the key; the secret of an RSA key exchange is decrypted by it, too. */
static void tls_handshake(struct alike_side *s, struct alike_rng *r)
{
	static const char *const signatures[] = { "", "", "RSA+SHA256", "rsa_pss_rsae_sha512", "rsa_pss_pss_sha256",
						  "ECDSA+SHA384", "ed25519:ed448", "RSA+SHA1:ECDSA+SHA1" };
	static const char *const ciphers[] = { "", "", "AES128-GCM-SHA256", "ECDHE", "kRSA" };
	struct with w = pick(s, r);
	SSL_CTX *server = SSL_CTX_new(TLS_server_method()), *client = SSL_CTX_new(TLS_client_method());
	char signature[64];
	const char *cipher = ALIKE_PICK(r, ciphers);
	int version = alike_chance(r, 50) ? TLS1_2_VERSION : TLS1_3_VERSION, nid = 0;
	X509 *x = signed_cert(s, w.i);
	SSL *a, *b;

	OPENSSL_strlcpy(signature, ALIKE_PICK(r, signatures), sizeof signature);
	SSL_CTX_set_max_proto_version(server, version);
	SSL_CTX_set_security_level(server, 0);
	SSL_CTX_set_security_level(client, 0);
	if (*signature)
		SSL_CTX_set1_sigalgs_list(client, signature);
	if (*cipher)
		SSL_CTX_set_cipher_list(client, cipher);
	SSL_CTX_use_certificate(server, x);
	SSL_CTX_use_PrivateKey(server, w.key);
	ERR_clear_error();
	a = SSL_new(server);
	b = SSL_new(client);
	shake(a, b);
	SSL_get_peer_signature_nid(b, &nid);
	alike_say(s, "%x '%s' '%s': %s %s signed by %d", (unsigned)version, signature, cipher, SSL_get_version(b),
		  SSL_get_cipher_name(b), nid);
	ERR_clear_error();
	alike_gives(s, SSL_is_init_finished(a) && SSL_is_init_finished(b));
	SSL_free(a);
	SSL_free(b);
	X509_free(x);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

static void signed_key(struct alike_side *s, struct alike_rng *r)
{
	struct with w = pick(s, r);
	NETSCAPE_SPKI *k = NETSCAPE_SPKI_new();
	int ret = NETSCAPE_SPKI_set_pubkey(k, w.key) && NETSCAPE_SPKI_sign(k, w.key, w.md) > 0;

	alike_gives(s, ret);
	if (ret)
		alike_say(s, "  verifies %d\n", NETSCAPE_SPKI_verify(k, w.public));
	ERR_clear_error();
	NETSCAPE_SPKI_free(k);
}

const struct alike_step alike_doc_steps[] = {
	{ "doc-x509", 4, certificate },	  { "doc-x509-settings", 5, certificate_by_settings },
	{ "doc-request", 4, request },	  { "doc-crl", 3, revocations },
	{ "doc-cms-sign", 6, cms_sign },  { "doc-cms-open", 6, cms_open },
	{ "doc-pkcs7-sign", 4, pkcs7_sign }, { "doc-pkcs7-open", 4, pkcs7_open },
	{ "doc-envelope", 4, envelope },  { "doc-tls", 4, tls_config },
	{ "doc-spki", 3, signed_key },	  { "doc-handshake", 6, tls_handshake },
	{ NULL, 0, NULL },
};
