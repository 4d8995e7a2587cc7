/* evidence_maker - see evidence_maker.h. */
#include "tests/lib/evidence_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "tests/lib/scratch.h"

#define BORN (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN)

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "evidence for a test: %s\n", what);
	exit(99);
}

static void in_shell(const char *command)
{
	char whole[2048];

	snprintf(whole, sizeof whole, "cd '%s' && { %s ; } >maker.log 2>&1", scratch_dir(),
		 command);
	must(system(whole) == 0, command);
}

static const char config[] =
	"openssl_conf = init\n[init]\noid_section = oids\n[oids]\ntpmMaker = 2.23.133.2.1\n"
	"tpmModel = 2.23.133.2.2\ntpmVersion = 2.23.133.2.3\n"
	"[ek]\nextendedKeyUsage = 2.23.133.8.1\nsubjectAltName = critical, dirName:tpm\n"
	"basicConstraints = critical, CA:FALSE\n"
	"2.5.29.9 = critical, DER:30:00\n"
	"[tpm]\ntpmMaker = id:54455354\ntpmModel = made\ntpmVersion = id:00010002\n"
	"[other_use]\nextendedKeyUsage = serverAuth\n"
	"[below]\nbasicConstraints = critical, CA:TRUE\n"
	"[elsewhere]\nbasicConstraints = critical, CA:TRUE\n"
	"nameConstraints = critical, permitted;dirName:site\n[site]\nO = Elsewhere\n"
	"[no_use]\nbasicConstraints = critical, CA:FALSE\n"
	"[ca]\nextendedKeyUsage = 2.23.133.8.1\nbasicConstraints = critical, CA:TRUE\n"
	"[signs]\nextendedKeyUsage = 2.23.133.8.1\nkeyUsage = critical, digitalSignature\n"
	"[opens]\nextendedKeyUsage = 2.23.133.8.1\nkeyUsage = critical, keyEncipherment\n"
	"[name_alone]\nsubjectAltName = critical, dirName:tpm\n"
	"[aik]\nextendedKeyUsage = 2.23.133.8.3\nsubjectAltName = critical, dirName:tpm\n"
	"[other_name]\nsubjectAltName = critical, DNS:tpm.example\n"
	"[unknown]\n1.2.3.4 = critical, DER:05:00\n";

const char *maker_roots(void)
{
	static char path[512];

	snprintf(path, sizeof path, "%s/roots", scratch_dir());
	return path;
}

void maker_certify(const char *name, const char *how)
{
	char command[1024];

	snprintf(command, sizeof command,
		 "OPENSSL_CONF=config openssl x509 -new -force_pubkey ek.pub -days 30 -outform DER "
		 "-out '%s' %s",
		 name, how);
	in_shell(command);
}

void maker_ca(const char *name, const char *key, const char *section)
{
	char command[1024];

	snprintf(command, sizeof command,
		 "export OPENSSL_CONF=config; openssl genpkey -algorithm %s -out %s.key && "
		 "openssl pkey -in %s.key -pubout -out %s.pub && "
		 "openssl x509 -new -force_pubkey %s.pub -subj /CN=%s -days 30 -CA roots/root.pem "
		 "-CAkey root.key -extfile config -extensions %s -out %s.pem && "
		 "openssl x509 -in %s.pem -outform DER -out %s.der",
		 key, name, name, name, name, name, section, name, name, name);
	in_shell(command);
}

static void write_public(const char *name, const EVP_PKEY *key)
{
	FILE *f = fopen(scratch_path(name), "w");

	must(f && PEM_write_PUBKEY(f, (EVP_PKEY *)(uintptr_t)key), name);
	fclose(f);
}

static void make_certificates(const struct maker *m)
{
	scratch_file("config", config, sizeof config - 1);
	write_public("ek.pub", m->ek_key);
	in_shell("mkdir -p roots && openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key "
		 "-subj "
		 "'/CN=Maker' -days 30 -out roots/root.pem");
	maker_certify("ek.der", "-CA roots/root.pem -CAkey root.key -subj / -extfile config "
				"-extensions ek");
}

static void public_of(const EVP_PKEY *key, TPM2B_PUBLIC *ret, TPMA_OBJECT attributes)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);

	*ret = (TPM2B_PUBLIC) { 0 };
	must(n > 0 && crypt_public_of_spki(BYTES(der, (size_t)n), &ret->publicArea) == INRO_OK,
	     "a public key");
	OPENSSL_free(der);
	ret->publicArea.nameAlg = TPM2_ALG_SHA256;
	ret->publicArea.objectAttributes = attributes;
	ret->publicArea.parameters.asymDetail.symmetric.algorithm = TPM2_ALG_NULL;
	ret->publicArea.parameters.asymDetail.scheme.scheme = TPM2_ALG_NULL;
	if (ret->publicArea.type == TPM2_ALG_ECC)
		ret->publicArea.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
}

void maker_of(struct maker *m, EVP_PKEY *ek, EVP_PKEY *ak, EVP_PKEY *key)
{
	*m = (struct maker) { .ek_key = ek,
			      .ak_key = ak,
			      .key_key = key,
			      .magic = TPM2_GENERATED_VALUE,
			      .type = TPM2_ST_ATTEST_CERTIFY,
			      .nonce = "the nonce of a verifier",
			      .nonce_n = 23 };
	must(ek && ak && key, "keys");
	public_of(m->ek_key, &m->ek, BORN | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT);
	m->ek.publicArea.parameters.rsaDetail.symmetric = (TPMT_SYM_DEF_OBJECT) {
		.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB
	};
	public_of(m->ak_key, &m->ak, BORN | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT);
	m->ak.publicArea.parameters.eccDetail.scheme =
		(TPMT_ECC_SCHEME) { .scheme = TPM2_ALG_ECDSA,
				    .details.ecdsa.hashAlg = TPM2_ALG_SHA256 };
	public_of(m->key_key, &m->key, BORN | TPMA_OBJECT_SIGN_ENCRYPT);
}

void maker_new(struct maker *m)
{
	maker_of(m, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048),
		 EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
	m->chain = "ek.der";
	make_certificates(m);
}

void maker_free(struct maker *m)
{
	EVP_PKEY_free(m->ek_key);
	EVP_PKEY_free(m->ak_key);
	EVP_PKEY_free(m->key_key);
}

void maker_ak_name(const struct maker *m, TPM2B_NAME *ret)
{
	must(crypt_name(&m->ak.publicArea, ret) == INRO_OK, "a name");
}

void maker_ek_name(const struct maker *m, TPM2B_NAME *ret)
{
	must(crypt_name(&m->ek.publicArea, ret) == INRO_OK, "a name");
}

/* TPMS_ATTEST (part 2, 10.12.8). */
static void add_statement(const struct maker *m, struct buf *b)
{
	TPM2B_NAME name;

	must(crypt_name(m->about ? &m->about->publicArea : &m->key.publicArea, &name) == INRO_OK,
	     "a name");
	buf_add_u32(b, m->magic);
	wire_add_u16(b, m->type);
	wire_add_2b(b, bytes_of("qualified signer"));
	wire_add_2b(b, BYTES(m->nonce, m->nonce_n));
	buf_add_u64(b, 123456); /* clock */
	buf_add_u32(b, 7);
	buf_add_u32(b, 8);
	buf_add_u8(b, 1);
	buf_add_u64(b, 0x0001000200030004); /* firmware */
	wire_add_2b(b, BYTES(name.name, name.size));
	wire_add_2b(b, bytes_of("qualified name"));
}

static void number(const BIGNUM *x, TPM2B_ECC_PARAMETER *ret)
{
	ret->size = 32;
	must(BN_bn2binpad(x, ret->buffer, 32) == 32, "a number");
}

static void sign(EVP_PKEY *by, struct bytes text, TPMT_SIGNATURE *ret)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char der[128];
	const unsigned char *at = der;
	size_t n = sizeof der;
	ECDSA_SIG *sig;

	must(EVP_DigestSignInit_ex(c, NULL, "SHA256", NULL, NULL, by, NULL) == 1 &&
		     EVP_DigestSign(c, der, &n, text.p, text.n) == 1,
	     "a signature");
	sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
	must(sig != NULL, "a signature");
	*ret = (TPMT_SIGNATURE) { .sigAlg = TPM2_ALG_ECDSA,
				  .signature.ecdsa.hash = TPM2_ALG_SHA256 };
	number(ECDSA_SIG_get0_r(sig), &ret->signature.ecdsa.signatureR);
	number(ECDSA_SIG_get0_s(sig), &ret->signature.ecdsa.signatureS);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(c);
}

static void add_certificate(const char *name, struct buf *ret)
{
	SCOPED(buf) der = { 0 };

	if (!name)
		return;
	must(file_read(scratch_path(name), 8192, &der) == INRO_OK, name);
	buf_add_field(ret, buf_bytes(&der));
}

void maker_make(const struct maker *m, struct buf *ret)
{
	SCOPED(buf) statement = { 0 };
	SCOPED(buf) signature = { 0 };
	SCOPED(buf) key = { 0 };
	SCOPED(buf) ak = { 0 };
	SCOPED(buf) ek = { 0 };
	SCOPED(buf) chain = { 0 };
	TPMT_SIGNATURE sig;

	add_statement(m, &statement);
	sign(m->signer ? m->signer : m->ak_key, buf_bytes(&statement), &sig);
	wire_add_signature(&signature, &sig);
	wire_add_public(&key, &m->key);
	wire_add_public(&ak, &m->ak);
	wire_add_public(&ek, &m->ek);
	add_certificate(m->chain, &chain);
	add_certificate(m->above, &chain);
	must(evidence_write(&(struct evidence) { buf_bytes(&statement), buf_bytes(&signature),
						 buf_bytes(&key), buf_bytes(&ak), buf_bytes(&ek),
						 buf_bytes(&chain) },
			    ret) == INRO_OK,
	     "evidence");
}

/* ---- TPM2_ActivateCredential (part 1, 24.4; annex B.10.4) ---- */

static bool open_seed(const struct maker *m, struct bytes encrypted, uint8_t seed[static 256], size_t *n)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(m->ek_key, NULL);
	char *label = OPENSSL_strdup("IDENTITY");
	bool good;

	*n = 256;
	must(c && label && EVP_PKEY_decrypt_init(c) == 1 &&
		     EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_oaep_md(c, EVP_sha256()) == 1 &&
		     EVP_PKEY_CTX_set0_rsa_oaep_label(c, label, sizeof "IDENTITY") == 1,
	     "OAEP");
	good = EVP_PKEY_decrypt(c, seed, n, encrypted.p, encrypted.n) == 1;
	EVP_PKEY_CTX_free(c);
	return good;
}

static bool fits(struct bytes seed, struct bytes mac, struct bytes over, const TPM2B_NAME *name)
{
	const struct bytes parts[] = { over, BYTES(name->name, name->size) };
	uint8_t key[32];
	TPM2B_DIGEST want;

	must(crypt_kdfa(&(struct crypt_kdf) { .hash = TPM2_ALG_SHA256, .secret = seed, .label = "INTEGRITY", .bits = 256 },
			key) == INRO_OK &&
		     crypt_hmac(TPM2_ALG_SHA256, BYTES(key, 32), parts, 2, &want) == INRO_OK,
	     "an HMAC");
	return bytes_equal(mac, BYTES(want.buffer, want.size));
}

bool maker_activate(const struct maker *m, struct bytes challenge, struct secret *ret)
{
	static const uint8_t iv[16];
	struct bytes id = BYTES_NONE, encrypted = BYTES_NONE, mac = BYTES_NONE, cipher;
	uint8_t seed[256], key[16], plain[128];
	TPM2B_NAME name;
	size_t n;

	must(wire_read_2b(&challenge, 1024, &id) == INRO_OK &&
		     wire_read_2b(&challenge, 1024, &encrypted) == INRO_OK && !challenge.n,
	     "a challenge");
	maker_ak_name(m, &name);
	if (!open_seed(m, encrypted, seed, &n))
		return false;
	must(wire_read_2b(&id, 64, &mac) == INRO_OK && id.n <= sizeof plain, "an identity object");
	if (!fits(BYTES(seed, n), mac, id, &name))
		return false;
	must(crypt_kdfa(&(struct crypt_kdf) { .hash = TPM2_ALG_SHA256,
					      .secret = BYTES(seed, n),
					      .label = "STORAGE",
					      .u = BYTES(name.name, name.size),
					      .bits = 128 },
			key) == INRO_OK,
	     "a key");
	memcpy(plain, id.p, id.n);
	must(crypt_cfb(BYTES(key, 16), BYTES(iv, 16), false, plain, id.n) == INRO_OK, "a secret");
	cipher = BYTES(plain, id.n);
	must(wire_read_2b(&cipher, sizeof plain, &id) == INRO_OK && !cipher.n && secret_copy(id, ret) == INRO_OK,
	     "a secret");
	return true;
}
