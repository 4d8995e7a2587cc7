/*
 * ekcert - the certificate of an endorsement key, checked with libcrypto.
 *
 * A certificate of a TPM's maker may have extensions marked critical that libcrypto does not look
 * at.  Those that are known here (and looked at, or say nothing about whether the key is that of a
 * TPM) are let through; any other one makes the certificate refused, as RFC 5280 4.2 wants.
 */
#include "tpm/move/ekcert.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/libcrypto/verify_at.h"
#include "base/x509.h"
#include "tpm/wire/crypt_private.h"

#define MAX_CERT_FILE ((size_t)1 << 20)
#define MAX_CHAIN     8

#define OID_EK_USAGE	"2.23.133.8.1" /* tcg-kp-EKCertificate */
#define OID_MAKER	"2.23.133.2.1"
#define OID_MODEL	"2.23.133.2.2"
#define OID_TPM_VERSION "2.23.133.2.3"

static void free_bio(BIO **p)
{
	BIO_free(*p);
}

static void free_list(STACK_OF(X509) * *p)
{
	sk_X509_pop_free(*p, X509_free);
}

static void free_store(X509_STORE **p)
{
	X509_STORE_free(*p);
}

static void free_names(GENERAL_NAMES **p)
{
	GENERAL_NAMES_free(*p);
}

static void free_usage(EXTENDED_KEY_USAGE **p)
{
	EXTENDED_KEY_USAGE_free(*p);
}

static enum inro_err no_memory(void)
{
	return err_set(INRO_E_NO_MEMORY, "no memory to check a certificate");
}

/* ---- reading certificates ---- */

static enum inro_err new_cert(X509 **ret)
{
	OSSL_LIB_CTX *context;
	enum inro_err e = crypt_context(&context);

	if (e)
		return e;
	*ret = X509_new_ex(context, NULL);
	return *ret ? INRO_OK : no_memory();
}

/* Takes x over, also when it fails. */
static enum inro_err keep(STACK_OF(X509) * list, X509 *x)
{
	if (sk_X509_push(list, x) > 0)
		return INRO_OK;
	X509_free(x);
	return no_memory();
}

static enum inro_err add_der(struct bytes der, STACK_OF(X509) * list)
{
	const unsigned char *at = der.p;
	X509 *x = NULL;
	enum inro_err e = new_cert(&x);

	if (e)
		return e;
	if (d2i_X509(&x, &at, (long)der.n) && at == der.p + der.n)
		return keep(list, x);
	X509_free(x); /* d2i frees what it was given, and sets it to NULL, when it fails */
	return err_set(INRO_E_SYNTAX, "not a certificate");
}

/* As many as there are. */
static enum inro_err add_pem(struct bytes text, STACK_OF(X509) * list)
{
	AUTO(free_bio) BIO *in = BIO_new_mem_buf(text.p, (int)text.n);
	enum inro_err e = in ? INRO_OK : no_memory();
	int n = 0;

	for (;; n++) {
		X509 *x = NULL;

		if (!e)
			e = new_cert(&x);
		if (e)
			return e;
		if (!PEM_read_bio_X509(in, &x, NULL, NULL)) {
			X509_free(x);
			break;
		}
		e = keep(list, x);
	}
	return n ? INRO_OK : err_set(INRO_E_SYNTAX, "not a certificate");
}

/* What is no certificate at first sight (a README) is passed over. */
static enum inro_err add_text(struct bytes text, STACK_OF(X509) * list)
{
	static const char pem[] = "-----BEGIN ";

	if (text.n && text.p[0] == DER_SEQUENCE)
		return add_der(text, list);
	if (text.n && memmem(text.p, text.n, pem, sizeof(pem) - 1))
		return add_pem(text, list);
	return INRO_OK;
}

static enum inro_err add_file(const char *dir, const char *name, STACK_OF(X509) * list)
{
	AUTO(free_chars) char *path = file_join(dir, name);
	SCOPED(buf) text = { 0 };
	enum inro_err e = path ? file_read(path, MAX_CERT_FILE, &text) : no_memory();

	if (!e)
		e = add_text(buf_bytes(&text), list);
	return e ? err_context(e, "roots, '%s'", name) : INRO_OK;
}

static void close_folder(DIR **d)
{
	if (*d)
		closedir(*d);
}

static enum inro_err read_folder(const char *dir, STACK_OF(X509) * list)
{
	AUTO(close_folder) DIR *d = opendir(dir);
	enum inro_err e = d ? INRO_OK : file_err(errno, dir);

	for (struct dirent *at; !e && (at = readdir(d));)
		if (at->d_name[0] != '.' && at->d_type != DT_DIR)
			e = add_file(dir, at->d_name, list);
	if (!e && sk_X509_num(list) == 0)
		e = err_set(INRO_E_NOT_FOUND,
			    "there is no certificate of a TPM maker in '%s': put their root "
			    "certificates there",
			    dir);
	return e;
}

static enum inro_err read_chain(struct bytes chain, STACK_OF(X509) * list)
{
	struct bytes der;
	enum inro_err e = INRO_OK;

	while (!e && chain.n && sk_X509_num(list) < MAX_CHAIN) {
		e = read_field(&chain, &der);
		if (!e)
			e = add_der(der, list);
	}
	if (e)
		return err_set(INRO_E_SYNTAX, "the evidence's certificates can't be read");
	if (sk_X509_num(list) == 0)
		return err_set(INRO_E_NOT_FOUND, "this TPM has no certificate for its endorsement "
						 "key: nobody vouches that it is a TPM");
	return chain.n ? err_set(INRO_E_TOO_BIG, "the evidence has more than %d certificates",
				 MAX_CHAIN)
		       : INRO_OK;
}

/* ---- the chain ---- */

/* Critical, and let through though libcrypto does not know them: subject directory attributes tell
 * the TPM's specification (EK credential profile 3.5.7), nothing that would make it less of one. */
static bool let_through(X509_EXTENSION *x)
{
	return !X509_EXTENSION_get_critical(x) || X509_supported_extension(x) ||
	       OBJ_obj2nid(X509_EXTENSION_get_object(x)) == NID_subject_directory_attributes;
}

static int judge(int ok, X509_STORE_CTX *c)
{
	X509 *x = X509_STORE_CTX_get_current_cert(c);

	if (ok || X509_STORE_CTX_get_error(c) != X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION || !x)
		return ok;
	for (int i = 0; i < X509_get_ext_count(x); i++)
		if (!let_through(X509_get_ext(x, i)))
			return 0;
	return 1;
}

static void free_check(X509_STORE_CTX **c)
{
	X509_STORE_CTX_free(*c);
}

static enum inro_err make_store(const char *roots, X509_STORE **ret)
{
	AUTO(free_list) STACK_OF(X509) *list = sk_X509_new_null();
	enum inro_err e = list ? read_folder(roots, list) : no_memory();

	if (e)
		return e;
	*ret = X509_STORE_new();
	for (int i = 0; *ret && i < sk_X509_num(list); i++)
		if (X509_STORE_add_cert(*ret, sk_X509_value(list, i)) != 1)
			return no_memory();
	return *ret ? INRO_OK : no_memory();
}

static enum inro_err tell_refusal(X509_STORE_CTX *c)
{
	int why = X509_STORE_CTX_get_error(c);

	return err_set(
		INRO_E_SIGNATURE,
		"no certificate in the folder of roots vouches for this TPM's endorsement key "
		"(at depth %d: %s)",
		X509_STORE_CTX_get_error_depth(c), X509_verify_cert_error_string(why));
}

static enum inro_err check_chain(STACK_OF(X509) * chain, const struct evidence_check *by)
{
	AUTO(free_store) X509_STORE *store = NULL;
	AUTO(free_check) X509_STORE_CTX *c = NULL;
	X509_VERIFY_PARAM *p;
	OSSL_LIB_CTX *context;
	enum inro_err e = crypt_context(&context);

	if (!e)
		e = make_store(by->roots, &store);
	if (e)
		return e;
	c = X509_STORE_CTX_new_ex(context, NULL);
	if (!c || X509_STORE_CTX_init(c, store, sk_X509_value(chain, 0), chain) != 1)
		return no_memory();
	p = X509_STORE_CTX_get0_param(c);
	verify_at(p, by->now);
	X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_auth_level(p, 2); /* no RSA-1024, no SHA-1 */
	X509_STORE_CTX_set_verify_cb(c, judge);
	return X509_verify_cert(c) == 1 ? INRO_OK : tell_refusal(c);
}

/* ---- the certificate itself ---- */

/* A SubjectPublicKeyInfo's key alone: some makers name the algorithm RSAES-OAEP. */
static enum inro_err key_bits(struct bytes spki, struct bytes *ret)
{
	struct bytes seq, algorithm;
	enum inro_err e = der_only(spki, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take(&seq, DER_SEQUENCE, &algorithm);
	return e ? e : der_take_bits(&seq, ret);
}

static enum inro_err check_key(struct bytes chain, const TPMT_PUBLIC *ek)
{
	SCOPED(buf) spki = { 0 };
	struct x509 cert = { 0 };
	struct bytes der, ours, its = BYTES_NONE;
	enum inro_err e = read_field(&chain, &der);

	if (!e)
		e = x509_read(der, &cert);
	if (!e)
		e = key_bits(cert.spki, &its);
	if (!e)
		e = crypt_spki(ek, &spki);
	if (!e)
		e = key_bits(buf_bytes(&spki), &ours);
	if (e)
		return e;
	return bytes_equal(its, ours)
		       ? INRO_OK
		       : err_set(INRO_E_POLICY,
				 "the certificate is for another endorsement key than this one");
}

/* An endorsement key decrypts and agrees, and issues nothing (EK credential profile 3.5.5, 3.5.8):
 * what signs, or is a CA's, is somebody's who has its private half outside of a TPM. */
static enum inro_err check_kind(X509 *x)
{
	const uint32_t opens = X509v3_KU_KEY_ENCIPHERMENT | X509v3_KU_KEY_AGREEMENT;

	if (X509_check_ca(x) == 0 && X509_get_key_usage(x) & opens)
		return INRO_OK;
	return err_set(INRO_E_POLICY, "the certificate is not one of an endorsement key: its key "
				      "signs or issues");
}

/* RFC 5280 4.2.1.12: when it says what it is for, it must be for an endorsement key.  ret_said:
 * whether it says so. */
static enum inro_err check_usage(X509 *x, bool *ret_said)
{
	int critical = 0;
	AUTO(free_usage)
	EXTENDED_KEY_USAGE *list = X509_get_ext_d2i(x, NID_ext_key_usage, &critical, NULL);
	char oid[32];

	*ret_said = list != NULL;
	if (critical == -1) /* there is none; one that can't be read, or two, is none of ours */
		return INRO_OK;
	for (int i = 0; i < sk_ASN1_OBJECT_num(list); i++)
		if (OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(list, i), 1) > 0 &&
		    !strcmp(oid, OID_EK_USAGE))
			return INRO_OK;
	return err_set(INRO_E_POLICY, "the certificate is not one of an endorsement key");
}

static void copy_attribute(X509_NAME *name, const char *oid, char *out, size_t cap)
{
	ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
	int n = o ? X509_NAME_get_text_by_OBJ(name, o, out, (int)cap) : -1;

	ASN1_OBJECT_free(o);
	if (n < 0)
		out[0] = '\0';
	for (char *c = out; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

static bool read_maker(GENERAL_NAMES *names, struct evidence_maker *m)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !m->maker[0]; i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

		if (n->type != GEN_DIRNAME)
			continue;
		copy_attribute(n->d.directoryName, OID_MAKER, m->maker, sizeof(m->maker));
		copy_attribute(n->d.directoryName, OID_MODEL, m->model, sizeof(m->model));
		copy_attribute(n->d.directoryName, OID_TPM_VERSION, m->version, sizeof(m->version));
	}
	return m->maker[0] && m->model[0] && m->version[0];
}

/* A critical name that is not understood makes the certificate refused, and so does one that says
 * nowhere that it is about a TPM: the makers' CAs issue others, too. */
static enum inro_err check_names(X509 *x, bool said, struct evidence_maker *ret)
{
	int critical = 0;
	AUTO(free_names)
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
	struct evidence_maker m = { 0 };
	bool tells = names && read_maker(names, &m);

	if (!tells && critical == 1)
		return err_set(INRO_E_POLICY, "the certificate's alternative name is critical and "
					      "does not tell of a TPM");
	if (!tells && !said)
		return err_set(INRO_E_POLICY, "the certificate is not one of an endorsement key: "
					      "it does not say that it is a TPM's");
	*ret = m;
	return INRO_OK;
}

static enum inro_err check_own(X509 *x, struct evidence_maker *ret)
{
	bool said = false;
	enum inro_err e = check_kind(x);

	if (!e)
		e = check_usage(x, &said);
	return e ? e : check_names(x, said, ret);
}

enum inro_err ekcert_check(struct bytes chain, const TPMT_PUBLIC *ek,
			   const struct evidence_check *by, struct evidence_maker *ret)
{
	AUTO(free_list) STACK_OF(X509) *list = sk_X509_new_null();
	enum inro_err e = list ? read_chain(chain, list) : no_memory();
	KEEP_LIBCRYPTO_ERRORS();

	if (!e)
		e = check_chain(list, by);
	if (!e)
		e = check_key(chain, ek);
	return e ? e : check_own(sk_X509_value(list, 0), ret);
}
