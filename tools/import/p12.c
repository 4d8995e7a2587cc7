/*
 * p12 - PKCS#12 (RFC 7292), bag by bag: PKCS12_parse() would pass over a second key in silence, and
 * in OpenSSL 3.0 the store reads with the default context only, which lacks the old ciphers.
 */
#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include "backoffice/pki/crypt.h"
#include "tools/import/keyfile_parts.h"
#include "tools/import/rounds.h"

#define MAC_TRIES 3 /* an empty passphrase, none, the one that is asked for */
#define DEPTH_MAX 4 /* of bags in bags */

struct p12 {
	OSSL_LIB_CTX *ctx;
	const char *pass;
	int pass_n;
	struct keyfile *f;
};

static enum inro_err unreadable(void)
{
	ERR_clear_error();
	return err_set(INRO_E_PIN_WRONG, "a part of the PKCS#12 file can't be decrypted: the "
					 "passphrase is another, or its cipher is too old");
}

static enum inro_err add_p8(const struct p12 *p, const PKCS8_PRIV_KEY_INFO *info)
{
	EVP_PKEY *pkey = info ? EVP_PKCS82PKEY_ex(info, p->ctx, NULL) : NULL;
	enum inro_err e = pkey ? keyfile_add_key(pkey, p->f) : unreadable();

	EVP_PKEY_free(pkey);
	return e;
}

static enum inro_err add_key_bag(const struct p12 *p, PKCS12_SAFEBAG *bag, int depth)
{
	(void)depth;
	return add_p8(p, PKCS12_SAFEBAG_get0_p8inf(bag));
}

static enum inro_err add_shrouded(const struct p12 *p, PKCS12_SAFEBAG *bag, int depth)
{
	PKCS8_PRIV_KEY_INFO *info = NULL;
	const X509_ALGOR *algorithm = NULL;
	enum inro_err e;

	(void)depth;
	X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &algorithm, NULL);
	e = rounds_spend(algorithm, &p->f->rounds);
	if (e)
		return e;
	info = PKCS12_decrypt_skey_ex(bag, p->pass, p->pass_n, p->ctx, NULL);
	e = add_p8(p, info);
	PKCS8_PRIV_KEY_INFO_free(info);
	return e;
}

static enum inro_err add_cert_bag(const struct p12 *p, PKCS12_SAFEBAG *bag, int depth)
{
	X509 *x = NULL;
	char *name = NULL;
	enum inro_err e;

	(void)depth;
	if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
		return INRO_OK;
	x = PKCS12_SAFEBAG_get1_cert(bag);
	name = PKCS12_get_friendlyname(bag);
	e = x ? keyfile_add_cert(x, name, p->f) : unreadable();
	OPENSSL_free(name);
	X509_free(x);
	return e;
}

static enum inro_err add_bags(const struct p12 *p, const STACK_OF(PKCS12_SAFEBAG) * bags,
			      int depth);

static enum inro_err add_nested(const struct p12 *p, PKCS12_SAFEBAG *bag, int depth)
{
	return add_bags(p, PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
}

static const struct {
	int nid;
	enum inro_err (*add)(const struct p12 *p, PKCS12_SAFEBAG *bag, int depth);
} kinds[] = {
	{ NID_keyBag, add_key_bag },
	{ NID_pkcs8ShroudedKeyBag, add_shrouded },
	{ NID_certBag, add_cert_bag },
	{ NID_safeContentsBag, add_nested },
};

static enum inro_err add_bag(const struct p12 *p, PKCS12_SAFEBAG *bag, int depth)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (PKCS12_SAFEBAG_get_nid(bag) == kinds[i].nid)
			return kinds[i].add(p, bag, depth);
	return INRO_OK; /* CRLs, secrets of nobody's format */
}

static enum inro_err add_bags(const struct p12 *p, const STACK_OF(PKCS12_SAFEBAG) * bags, int depth)
{
	enum inro_err e = INRO_OK;

	if (depth > DEPTH_MAX)
		return err_set(INRO_E_SYNTAX, "its bags are in bags, too deep");
	for (int i = 0; !e && i < sk_PKCS12_SAFEBAG_num(bags); i++)
		e = add_bag(p, sk_PKCS12_SAFEBAG_value(bags, i), depth);
	return e;
}

static enum inro_err unpack_encrypted(const struct p12 *p, PKCS7 *safe,
				      STACK_OF(PKCS12_SAFEBAG) * *ret)
{
	const PKCS7_ENCRYPT *in = safe->d.encrypted;
	enum inro_err e = INRO_OK;

	if (in && in->enc_data && in->enc_data->algorithm)
		e = rounds_spend(in->enc_data->algorithm, &p->f->rounds);
	if (!e)
		*ret = PKCS12_unpack_p7encdata(safe, p->pass, p->pass_n);
	return e;
}

static enum inro_err add_safe(const struct p12 *p, PKCS7 *safe)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	enum inro_err e = INRO_OK;

	if (PKCS7_type_is_data(safe))
		bags = PKCS12_unpack_p7data(safe);
	else if (PKCS7_type_is_encrypted(safe))
		e = unpack_encrypted(p, safe, &bags);
	else
		return err_set(INRO_E_UNSUPPORTED,
			       "a part of the PKCS#12 file is under a public key");
	if (e)
		return e;
	e = bags ? add_bags(p, bags, 0) : unreadable();
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	return e;
}

static enum inro_err add_all(const struct p12 *p, const PKCS12 *file)
{
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(file);
	enum inro_err e = INRO_OK;

	if (!safes)
		return unreadable();
	for (int i = 0; !e && i < sk_PKCS7_num(safes); i++)
		e = add_safe(p, sk_PKCS7_value(safes, i));
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return e;
}

/* No passphrase and an empty one are different to PKCS#12, and not to people. */
static bool opens_empty(PKCS12 *file, struct p12 *p)
{
	p->pass = "";
	if (PKCS12_mac_present(file) && PKCS12_verify_mac(file, p->pass, 0))
		return true;
	p->pass = NULL;
	return PKCS12_mac_present(file) && PKCS12_verify_mac(file, NULL, 0);
}

/* RFC 7292 §4, and PBMAC1 in its place (RFC 9579). */
static enum inro_err spend_mac(const PKCS12 *file, struct keyfile *f)
{
	const X509_ALGOR *algorithm = NULL;
	const ASN1_INTEGER *count = NULL;
	enum inro_err e = INRO_OK;

	if (!PKCS12_mac_present(file))
		return INRO_OK;
	PKCS12_get0_mac(NULL, &algorithm, NULL, &count, file);
	if (count)
		e = rounds_spend_count(count, MAC_TRIES, &f->rounds);
	for (int i = 0; i < MAC_TRIES && !e && algorithm; i++)
		e = rounds_spend(algorithm, &f->rounds);
	return e;
}

static enum inro_err find_passphrase(PKCS12 *file, struct asked *a, struct p12 *p)
{
	enum inro_err e = spend_mac(file, p->f);

	if (e)
		return e;
	if (opens_empty(file, p))
		return INRO_OK;
	e = asked_take(a);
	if (e)
		return e;
	p->pass = (const char *)a->passphrase.p;
	p->pass_n = (int)a->passphrase.n;
	if (PKCS12_mac_present(file) && !PKCS12_verify_mac(file, p->pass, p->pass_n))
		return unreadable();
	return INRO_OK;
}

enum inro_err keyfile_read_p12(struct bytes content, OSSL_LIB_CTX *ctx, struct asked *a,
			       struct keyfile *f, bool *ret_is_p12)
{
	PKCS12 *file = PKCS12_init_ex(NID_pkcs7_data, ctx, NULL);
	const unsigned char *in = content.p;
	struct p12 p = { .ctx = ctx, .f = f };
	enum inro_err e = INRO_OK;

	if (!file)
		return crypt_err("reading a PKCS#12 file");
	*ret_is_p12 = d2i_PKCS12(&file, &in, (long)content.n) != NULL;
	if (*ret_is_p12)
		e = find_passphrase(file, a, &p);
	if (*ret_is_p12 && !e)
		e = add_all(&p, file);
	if (*ret_is_p12)
		PKCS12_free(file);
	ERR_clear_error();
	return e;
}
