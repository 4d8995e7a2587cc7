/* Keys wrapped here, without a TPM, go into a real one and work: by tpm2-tools, not by our
 * commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "tests/lib/scratch.h"
#include "tests/lib/swtpm.h"
#include "tpm/move/tpmfile.h"
#include "tpm/move/wrap.h"

static struct swtpm *tpm;
static TPM2B_PUBLIC root;

/* In the scratch folder. */
static int in_shell(const char *command)
{
	char whole[4096];

	snprintf(whole, sizeof whole, "cd '%s' && { %s ; } >>log 2>&1 || { cat log >&2; false; }",
		 scratch_dir(), command);
	return swtpm_shell(tpm, whole);
}

#define SHELL(command) assert_int_equal(in_shell(command), 0)

static void read_whole(const char *name, struct buf *ret)
{
	assert_int_equal(file_read(scratch_path(name), 1 << 16, ret), INRO_OK);
}

static void write_whole(const char *name, struct bytes content)
{
	scratch_file(name, content.p, content.n);
}

static void read_root(const char *name, TPM2B_PUBLIC *ret)
{
	SCOPED(buf) text = { 0 };
	struct bytes in;

	read_whole(name, &text);
	in = buf_bytes(&text);
	assert_int_equal(wire_read_public(&in, ret), INRO_OK);
	assert_int_equal(in.n, 0);
}

static int setup(void **state)
{
	(void)state;
	tpm = swtpm_start(SWTPM_UNIX);
	SHELL("tpm2_createprimary -C o -G ecc -g sha256 -c root.ctx -a "
	      "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt' && "
	      "tpm2_evictcontrol -C o -c root.ctx 0x81000001 && tpm2_flushcontext -t && "
	      "tpm2_readpublic -c 0x81000001 -o root.pub");
	read_root("root.pub", &root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	swtpm_free(tpm);
	return 0;
}

static void free_key(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

/* A key of libcrypto's: PKCS#8 for the wrapping, and its public half as PEM in key.pem. */
static void new_pair(const char *type, const char *size, struct buf *ret)
{
	AUTO(free_key) EVP_PKEY *k = NULL;
	char command[512];
	unsigned char *der = NULL;
	PKCS8_PRIV_KEY_INFO *p8;
	int n;

	k = !strcmp(type, "RSA") ? EVP_PKEY_Q_keygen(NULL, NULL, type, (size_t)atoi(size))
				 : EVP_PKEY_Q_keygen(NULL, NULL, type, size);
	assert_non_null(k);
	p8 = EVP_PKEY2PKCS8(k);
	n = i2d_PKCS8_PRIV_KEY_INFO(p8, &der);
	assert_true(n > 0);
	buf_add(ret, BYTES(der, (size_t)n));
	write_whole("key.der", buf_bytes(ret));
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(p8);
	snprintf(command, sizeof command,
		 "openssl pkey -inform der -in key.der -pubout -out key.pem");
	SHELL(command);
}

static void wrap(const struct wrap_what *what)
{
	SCOPED(buf) pub = { 0 };
	SCOPED(buf) dup = { 0 };
	SCOPED(buf) seed = { 0 };

	assert_int_equal(wrap_for(&root.publicArea, what, &pub, &dup, &seed), INRO_OK);
	write_whole("w.pub", buf_bytes(&pub));
	write_whole("w.dup", buf_bytes(&dup));
	write_whole("w.seed", buf_bytes(&seed));
}

static void import_and_load(void)
{
	SHELL("tpm2_import -C 0x81000001 -u w.pub -i w.dup -s w.seed -r w.priv && "
	      "tpm2_load -C 0x81000001 -u w.pub -r w.priv -c w.ctx && tpm2_flushcontext -t");
}

static const char *const curves[] = { "P-256", "P-384", "P-521" };

static void an_ec_key_signs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		SCOPED(buf) pkcs8 = { 0 };

		new_pair("EC", curves[i], &pkcs8);
		wrap(&(struct wrap_what) { .type = TPM2_ALG_ECC,
					   .plain = buf_bytes(&pkcs8),
					   .auth = bytes_of("secret") });
		import_and_load();
		SHELL("echo message >m && tpm2_sign -c w.ctx -p secret -g sha256 -s ecdsa -f plain "
		      "-o sig m && openssl dgst -sha256 -verify key.pem -signature sig m && "
		      "tpm2_flushcontext -t");
		assert_true(in_shell("tpm2_sign -c w.ctx -p other -g sha256 -o sig m 2>&1") != 0);
		SHELL("tpm2_flushcontext -t");
	}
}

static void an_rsa_key_signs_and_decrypts(void **state)
{
	static const char *const sizes[] = { "2048", "3072" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		SCOPED(buf) pkcs8 = { 0 };

		new_pair("RSA", sizes[i], &pkcs8);
		wrap(&(struct wrap_what) { .type = TPM2_ALG_RSA, .plain = buf_bytes(&pkcs8) });
		import_and_load();
		SHELL("echo message >m && tpm2_sign -c w.ctx -g sha256 -s rsapss -f plain -o sig m "
		      "&& "
		      "openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify key.pem "
		      "-signature "
		      "sig m && tpm2_flushcontext -t && "
		      "openssl pkeyutl -encrypt -pubin -inkey key.pem -pkeyopt "
		      "rsa_padding_mode:oaep "
		      "-pkeyopt rsa_oaep_md:sha256 -in m -out c && "
		      "tpm2_rsadecrypt -c w.ctx -s oaep -o d c && cmp m d && tpm2_flushcontext -t");
	}
}

static void an_aes_key_encrypts(void **state)
{
	static const size_t sizes[] = { 16, 32 };
	uint8_t key[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		memset(key, 0x5a, sizeof key);
		wrap(&(struct wrap_what) { .type = TPM2_ALG_SYMCIPHER,
					   .plain = BYTES(key, sizes[i]) });
		import_and_load();
		SHELL("printf 0123456789abcdef >m && printf iviviviviviviviv >iv && "
		      "tpm2_encryptdecrypt -c w.ctx -G cbc -t iv -o c m && tpm2_flushcontext -t");
		SHELL(sizes[i] == 16 ? "openssl enc -d -aes-128-cbc -nopad -K $(printf '5a%.0s' "
				       "$(seq 16)) "
				       "-iv $(xxd -p iv) -in c -out d && cmp m d"
				     : "openssl enc -d -aes-256-cbc -nopad -K $(printf '5a%.0s' "
				       "$(seq 32)) "
				       "-iv $(xxd -p iv) -in c -out d && cmp m d");
	}
}

static void an_hmac_key_makes_macs(void **state)
{
	static const size_t sizes[] = { 1, 20, 32, 64 };
	uint8_t key[64];
	char command[512];

	(void)state;
	memset(key, 0x6b, sizeof key);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		wrap(&(struct wrap_what) { .type = TPM2_ALG_KEYEDHASH,
					   .plain = BYTES(key, sizes[i]),
					   .auth = bytes_of("secret") });
		import_and_load();
		snprintf(command, sizeof command,
			 "echo message >m && tpm2_hmac -c w.ctx -p secret -g sha256 -o mac m && "
			 "tpm2_flushcontext -t && openssl mac -digest SHA256 -macopt "
			 "hexkey:$(printf "
			 "'6b%%.0s' $(seq %zu)) -binary -in m HMAC >want && cmp mac want",
			 sizes[i]);
		SHELL(command);
	}
}

/* What the TPM computes of the policy is what the template says. */
static void a_duplicable_key_moves_on(void **state)
{
	SCOPED(buf) pkcs8 = { 0 };

	(void)state;
	new_pair("EC", "P-256", &pkcs8);
	wrap(&(struct wrap_what) { .type = TPM2_ALG_ECC,
				   .plain = buf_bytes(&pkcs8),
				   .auth = bytes_of("secret"),
				   .duplicable = true });
	import_and_load();
	SHELL("tpm2_startauthsession --policy-session -S s.ctx && tpm2_policyauthvalue -S s.ctx && "
	      "tpm2_policycommandcode -S s.ctx TPM2_CC_Duplicate && "
	      "tpm2_duplicate -C 0x81000001 -c w.ctx -G null -p session:s.ctx+secret -r moved.dup "
	      "-s "
	      "moved.seed && tpm2_flushcontext s.ctx && tpm2_flushcontext -t && "
	      "tpm2_import -C 0x81000001 -u w.pub -i moved.dup -s moved.seed -r moved.priv");
}

static void another_tpm_refuses(void **state)
{
	SCOPED(buf) pkcs8 = { 0 };

	(void)state;
	new_pair("EC", "P-256", &pkcs8);
	wrap(&(struct wrap_what) { .type = TPM2_ALG_ECC, .plain = buf_bytes(&pkcs8) });
	SHELL("tpm2_createprimary -C n -G ecc -c other.ctx && tpm2_flushcontext -t");
	assert_true(in_shell("tpm2_import -C other.ctx -u w.pub -i w.dup -s w.seed -r x 2>&1") !=
		    0);
	SHELL("tpm2_flushcontext -t");
}

static void what_can_not_be_wrapped(void **state)
{
	SCOPED(buf) pub = { 0 };
	SCOPED(buf) dup = { 0 };
	SCOPED(buf) seed = { 0 };
	SCOPED(buf) pkcs8 = { 0 };
	const uint8_t key[65] = { 1 };
	TPMT_PUBLIC leaf = root.publicArea;
	const struct {
		struct wrap_what what;
		enum inro_err want;
	} bad[] = {
		{ { TPM2_ALG_SYMCIPHER, BYTES(key, 17), { 0 }, false, false }, INRO_E_KEY_SIZE },
		{ { TPM2_ALG_KEYEDHASH, BYTES(key, 65), { 0 }, false, false }, INRO_E_KEY_SIZE },
		{ { TPM2_ALG_KEYEDHASH, BYTES(key, 0), { 0 }, false, false }, INRO_E_KEY_SIZE },
		{ { TPM2_ALG_ECC, BYTES(key, 20), { 0 }, false, false }, INRO_E_SYNTAX },
		{ { TPM2_ALG_SYMCIPHER, BYTES(key, 16), BYTES(key, 33), false, false },
		  INRO_E_TOO_BIG },
		{ { TPM2_ALG_CFB, BYTES(key, 16), { 0 }, false, false }, INRO_E_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(wrap_for(&root.publicArea, &bad[i].what, &pub, &dup, &seed),
				 bad[i].want);
	new_pair("EC", "P-256", &pkcs8);
	struct wrap_what what = { .type = TPM2_ALG_RSA, .plain = buf_bytes(&pkcs8) };

	assert_int_equal(wrap_for(&root.publicArea, &what, &pub, &dup, &seed), INRO_E_KEY_TYPE);
	what.type = TPM2_ALG_ECC;
	leaf.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_RESTRICTED;
	assert_int_equal(wrap_for(&leaf, &what, &pub, &dup, &seed), INRO_E_KEY_TYPE);
	assert_int_equal(pub.n + dup.n + seed.n, 0);
}

/* ---- files ---- */

static void ours_is_read_by_openssl(void **state)
{
	SCOPED(buf) pkcs8 = { 0 };
	SCOPED(buf) pub = { 0 };
	SCOPED(buf) priv = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(buf) pem = { 0 };

	(void)state;
	new_pair("EC", "P-256", &pkcs8);
	wrap(&(struct wrap_what) { .type = TPM2_ALG_ECC, .plain = buf_bytes(&pkcs8) });
	import_and_load();
	read_whole("w.pub", &pub);
	read_whole("w.priv", &priv);
	assert_int_equal(tpmfile_write(&(struct tpmfile) { .type = TPMFILE_LOADABLE,
							   .empty_auth = true,
							   .parent = 0x81000001,
							   .pub = buf_bytes(&pub),
							   .priv = buf_bytes(&priv) },
				       &der),
			 INRO_OK);
	assert_int_equal(tpmfile_pem(buf_bytes(&der), &pem), INRO_OK);
	write_whole("ours.pem", buf_bytes(&pem));
	SHELL("echo message >m && openssl dgst -sha256 -binary -out h m && TPM2OPENSSL_TCTI="
	      "$TPM2TOOLS_TCTI openssl pkeyutl -provider tpm2 -provider default -propquery "
	      "'?provider=tpm2' -sign -inkey ours.pem -in h -pkeyopt digest:sha256 -out sig && "
	      "openssl dgst -sha256 -verify key.pem -signature sig m");
	/* tpm2-tools say of no auth value that it is not empty */
	SHELL("tpm2_encodeobject -C 0x81000001 -u w.pub -r w.priv -o tools.pem && "
	      "for f in tools ours; do openssl asn1parse -in $f.pem -dump | sed 's/BOOLEAN.*//' "
	      ">$f.txt; "
	      "done && diff tools.txt ours.txt");
}

static void theirs_is_read(const char *name, uint32_t parent, bool empty_auth, struct buf *der,
			   struct tpmfile *k)
{
	SCOPED(buf) text = { 0 };

	read_whole(name, &text);
	assert_int_equal(tpmfile_read_any(buf_bytes(&text), der, k), INRO_OK);
	assert_int_equal(k->type, TPMFILE_LOADABLE);
	assert_int_equal(k->parent, parent);
	assert_int_equal(k->empty_auth, empty_auth);
}

#define AT_TRUE 15 /* the content of emptyAuth's BOOLEAN */

/* What the provider writes is read, and written again it is the same, but that it writes 1 for
 * true, and a FALSE that DER leaves out. */
static void openssls_is_read(const char *name, uint32_t parent, bool empty_auth)
{
	SCOPED(buf) der = { 0 };
	SCOPED(buf) again = { 0 };
	struct tpmfile k;

	theirs_is_read(name, parent, empty_auth, &der, &k);
	assert_int_equal(tpmfile_write(&k, &again), INRO_OK);
	if (!empty_auth)
		return;
	assert_int_equal(der.p[AT_TRUE], 1);
	der.p[AT_TRUE] = 0xff;
	assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&der)));
}

static void openssls_and_the_tools_files_are_read(void **state)
{
	SCOPED(buf) der = { 0 };
	struct tpmfile k;

	(void)state;
	SHELL("TPM2OPENSSL_TCTI=$TPM2TOOLS_TCTI openssl genpkey -provider tpm2 -provider default "
	      "-algorithm EC -pkeyopt group:P-256 -pkeyopt parent:0x81000001 -out theirs.pem && "
	      "TPM2OPENSSL_TCTI=$TPM2TOOLS_TCTI openssl genpkey -provider tpm2 -provider default "
	      "-algorithm RSA -pkeyopt parent:0x81000001 -pkeyopt user-auth:abc -out "
	      "theirs-rsa.pem && "
	      "TPM2OPENSSL_TCTI=$TPM2TOOLS_TCTI openssl genpkey -provider tpm2 -provider default "
	      "-algorithm EC -pkeyopt group:P-256 -out theirs-primary.pem && tpm2_flushcontext -t");
	openssls_is_read("theirs.pem", 0x81000001, true);
	openssls_is_read("theirs-rsa.pem", 0x81000001, false);
	openssls_is_read("theirs-primary.pem", TPM2_RH_OWNER, true);
	SHELL("tpm2_create -C 0x81000001 -G hmac -p abc -u t.pub -r t.priv && "
	      "tpm2_encodeobject -C 0x81000001 -u t.pub -r t.priv -o tools.pem && "
	      "tpm2_flushcontext -t");
	theirs_is_read("tools.pem", 0x81000001, false, &der, &k);
}

/* ---- credentials ---- */

static void a_credential(const char *ek)
{
	static const uint8_t secret[32] = "what only that TPM gives back..";
	SCOPED(buf) blob = { 0 };
	SCOPED(buf) id_object = { 0 };
	SCOPED(buf) encrypted = { 0 };
	SCOPED(buf) text = { 0 };
	TPM2B_PUBLIC ek_pub, ak_pub;
	TPM2B_NAME name;
	char command[1024];

	snprintf(command, sizeof command,
		 "tpm2_flushcontext -l && tpm2_flushcontext -s && tpm2_createek -c ek.ctx -G %s -u "
		 "ek.pub && tpm2_flushcontext -t && tpm2_createak "
		 "-C "
		 "ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -n ak.name && "
		 "tpm2_flushcontext -t && tpm2_flushcontext -l",
		 ek);
	SHELL(command);
	read_root("ek.pub", &ek_pub);
	read_root("ak.pub", &ak_pub);
	assert_int_equal(crypt_name(&ak_pub.publicArea, &name), INRO_OK);
	assert_int_equal(wrap_credential(&ek_pub.publicArea, &name, BYTES(secret, sizeof secret),
					 &id_object, &encrypted),
			 INRO_OK);
	buf_add_u32(&blob, 0xbadcc0de); /* as tpm2_makecredential writes it */
	buf_add_u32(&blob, 1);
	buf_add(&blob, buf_bytes(&id_object));
	buf_add(&blob, buf_bytes(&encrypted));
	write_whole("credential", buf_bytes(&blob));
	SHELL("tpm2_startauthsession --policy-session -S s.ctx && tpm2_policysecret -S s.ctx -c e "
	      "&& "
	      "tpm2_activatecredential -c ak.ctx -C ek.ctx -i credential -o got -P session:s.ctx "
	      "&& "
	      "tpm2_flushcontext s.ctx && tpm2_flushcontext -t");
	read_whole("got", &text);
	assert_true(bytes_equal(buf_bytes(&text), BYTES(secret, sizeof secret)));
}

static void a_credential_is_opened_by_the_tpm(void **state)
{
	(void)state;
	a_credential("rsa");
	a_credential("ecc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ec_key_signs),
		cmocka_unit_test(an_rsa_key_signs_and_decrypts),
		cmocka_unit_test(an_aes_key_encrypts),
		cmocka_unit_test(an_hmac_key_makes_macs),
		cmocka_unit_test(a_duplicable_key_moves_on),
		cmocka_unit_test(another_tpm_refuses),
		cmocka_unit_test(what_can_not_be_wrapped),
		cmocka_unit_test(ours_is_read_by_openssl),
		cmocka_unit_test(openssls_and_the_tools_files_are_read),
		cmocka_unit_test(a_credential_is_opened_by_the_tpm),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
