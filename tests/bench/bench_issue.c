/*
 * What a certificate costs without the database: the steps of one issue, each timed by itself, and
 * the way through libcrypto's objects for comparison, in turn within one run.
 *
 *   build/check/tests/bench_issue [ROUNDS]
 *
 * One line a step: microseconds of CPU time (the fastest round's mean of 200).  The key of the CA
 * is P-256 in memory, so that no token is measured; a token's signature takes the place of
 * "sign (libcrypto)".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/x509v3.h>

#include "backoffice/pki/csr.h"
#include "backoffice/pki/issue.h"

#define EACH 200
#define NOW  INT64_C(1790000000)

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench_issue: %s\n", what);
	exit(1);
}

#define OK(x) need((x) == INRO_OK, #x)

static struct {
	EVP_PKEY *ca_key, *key;
	struct cert ca;
	struct profile profile;
	struct buf csr_der;
	struct csr csr;
	struct issued issued;
	struct buf signature;
	X509 *ca_x509;
} at;

static void sign_bytes(EVP_PKEY *key, struct bytes message, struct buf *ret)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t out[256];
	size_t n = sizeof out;

	need(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		     EVP_DigestSign(ctx, out, &n, message.p, message.n) == 1,
	     "signing");
	EVP_MD_CTX_free(ctx);
	buf_reset(ret);
	buf_add(ret, BYTES(out, n));
}

static struct issue plan(const struct cert *issuer, const struct pubkey *key, struct bytes subject)
{
	static uint8_t serial[CERT_SERIAL_OCTETS];

	OK(cert_serial(serial));
	return (struct issue) { .profile = &at.profile,
				.issuer = issuer,
				.key = key,
				.subject = subject,
				.serial = BYTES(serial, sizeof serial),
				.now = NOW,
				.path_len = EXT_PATH_LEN_NONE };
}

/* ---- the steps ---- */

static void step_read(void)
{
	csr_clear(&at.csr);
	OK(csr_read(buf_bytes(&at.csr_der), &at.csr));
}

static void step_verify(void)
{
	OK(csr_verify(&at.csr));
}

static void step_build(void)
{
	struct issue in = plan(&at.ca, &at.csr.key, at.csr.subject);

	issued_clear(&at.issued);
	OK(issue_tbs(&in, &at.issued));
}

static void step_sign(void)
{
	sign_bytes(at.ca_key, buf_bytes(&at.issued.tbs), &at.signature);
}

static void step_finish(void)
{
	SCOPED(buf) der = { 0 };

	OK(pki_signed(buf_bytes(&at.issued.tbs), at.issued.sig, buf_bytes(&at.signature), &der));
}

static void add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, at.ca_x509, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	need(e && X509_add_ext(x, e, -1), "an extension");
	X509_EXTENSION_free(e);
}

/* The same certificate by X509_…, as programs on libcrypto do it. */
static void step_objects(void)
{
	const unsigned char *p = at.csr_der.p;
	X509_REQ *r = d2i_X509_REQ(NULL, &p, (long)at.csr_der.n);
	X509 *x = X509_new();
	EVP_PKEY *key = X509_REQ_get_pubkey(r);
	unsigned char *der = NULL;

	need(r && x && X509_REQ_verify(r, key) == 1, "the request");
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), 0x4000000000000001);
	X509_set_subject_name(x, X509_REQ_get_subject_name(r));
	X509_set_issuer_name(x, X509_get_subject_name(at.ca_x509));
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	add_extension(x, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(x, NID_key_usage, "critical,digitalSignature");
	add_extension(x, NID_ext_key_usage, "clientAuth");
	add_extension(x, NID_subject_key_identifier, "hash");
	add_extension(x, NID_authority_key_identifier, "keyid");
	need(X509_sign(x, at.ca_key, EVP_sha256()) > 0 && i2d_X509(x, &der) > 0, "signing");
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	X509_free(x);
	X509_REQ_free(r);
}

static const struct {
	const char *name;
	void (*run)(void);
	bool ours;
} steps[] = {
	{ "read the request", step_read, true },
	{ "verify possession", step_verify, true },
	{ "build and check", step_build, true },
	{ "sign (libcrypto)", step_sign, true },
	{ "finish", step_finish, true },
	{ "all by libcrypto's objects", step_objects, false },
};

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- what the steps stand on ---- */

static void make_spki(EVP_PKEY *key, struct buf *ret)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);

	need(n > 0, "a key");
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
}

static void make_ca(void)
{
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) name = { 0 };
	SCOPED(buf) der = { 0 };
	struct pubkey pub;
	struct issue in;
	const unsigned char *p;

	make_spki(at.ca_key, &spki);
	OK(pubkey_read(buf_bytes(&spki), &pub));
	OK(dn_parse("/O=Example/CN=Root", NULL, &name));
	OK(profile_builtin("root-ca", &at.profile));
	in = plan(NULL, &pub, buf_bytes(&name));
	OK(issue_tbs(&in, &at.issued));
	step_sign();
	OK(pki_signed(buf_bytes(&at.issued.tbs), at.issued.sig, buf_bytes(&at.signature), &der));
	OK(cert_read(buf_bytes(&der), &at.ca));
	p = der.p;
	at.ca_x509 = d2i_X509(NULL, &p, (long)der.n);
	profile_clear(&at.profile);
	OK(profile_builtin("tls-client", &at.profile));
}

static void make_request(void)
{
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) name = { 0 };
	SCOPED(buf) info = { 0 };
	struct csr_plan p = { 0 };

	make_spki(at.key, &spki);
	OK(dn_parse("/O=Example/CN=dev-0001", NULL, &name));
	p.subject = buf_bytes(&name);
	p.spki = buf_bytes(&spki);
	OK(csr_info(&p, &info));
	sign_bytes(at.key, buf_bytes(&info), &at.signature);
	OK(pki_signed(buf_bytes(&info), at.issued.sig, buf_bytes(&at.signature), &at.csr_der));
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 10;
	double best[ARRAY_LEN(steps)], total = 0;

	at.ca_key = EVP_EC_gen("P-256");
	at.key = EVP_EC_gen("P-256");
	make_ca();
	make_request();
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		best[i] = 1e12;
	for (long r = 0; r < rounds; r++)
		for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
			double from = cpu_us(), mean;

			for (int n = 0; n < EACH; n++)
				steps[i].run();
			mean = (cpu_us() - from) / EACH;
			best[i] = mean < best[i] ? mean : best[i];
		}
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		printf("%-28s %8.1f us\n", steps[i].name, best[i]);
		total += steps[i].ours ? best[i] : 0;
	}
	printf("%-28s %8.1f us, %.0f a CPU-second; by objects %.0f\n", "all of ours", total,
	       1e6 / total, 1e6 / best[ARRAY_LEN(steps) - 1]);
	return 0;
}
