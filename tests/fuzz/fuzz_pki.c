/*
 * fuzz_pki - the same octets as a request and as a certificate, PEM or DER: what is taken can be
 * shown, checked and verified, and lies inside what was read.
 */
#include "tests/fuzz/fuzz.h"

#include "backoffice/pki/csr.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/lint.h"
#include "backoffice/pki/san.h"
#include "tests/fuzz/input.h"

static void show(struct bytes name, const struct ext_facts *f)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) again = { 0 };
	enum inro_err shown = dn_text(name, &text);

	if (dn_check(name) == INRO_OK) {
		FUZZ_REQUIRE(shown == INRO_OK);
		buf_add_u8(&text, 0);
		/* UTF8String for PrintableString may make it longer than a name may be */
		FUZZ_REQUIRE(dn_parse((const char *)text.p, NULL, &again) == INRO_OK ||
			     text.n > DN_MAX / 2);
	}
	buf_reset(&text);
	if (san_check(f->sans) == INRO_OK)
		FUZZ_REQUIRE(san_text(f->sans, &text) == INRO_OK);
	(void)san_kinds(f->sans);
	(void)san_has_wildcard(f->sans);
	ku_text(f->key_usage, &text);
	eku_text(f->eku, &text);
}

/* One that was read has a name, a fingerprint, and an algorithm that its owner signs by, if any. */
static void look_at_key(const struct pubkey *k)
{
	uint8_t print[PKI_DIGEST_MAX], id[PUBKEY_ID_OCTETS];
	const struct pki_sig *sig = NULL;
	char name[64] = "";

	pubkey_name(k, name, sizeof name);
	FUZZ_REQUIRE(*name);
	FUZZ_REQUIRE(pubkey_print(k, print) == INRO_OK && pubkey_same(k, k));
	FUZZ_REQUIRE(pubkey_id(k, id) == INRO_OK);
	if (pubkey_sig(k, PKI_HASH_NONE, &sig) == INRO_OK)
		FUZZ_REQUIRE(sig);
}

static void try_request(struct bytes in)
{
	SCOPED(csr) c = { 0 };

	if (csr_read(in, &c) != INRO_OK)
		return;
	input_has(buf_bytes(&c.der), c.info);
	input_has(buf_bytes(&c.der), c.key.key_bits);
	input_has(buf_bytes(&c.der), c.ext.sans);
	input_has(buf_bytes(&c.der), c.challenge);
	look_at_key(&c.key);
	show(c.subject, &c.ext);
	(void)!csr_verify(&c);
}

static void try_certificate(struct bytes in)
{
	SCOPED(cert) c = { 0 };

	if (cert_read(in, &c) != INRO_OK)
		return;
	input_has(buf_bytes(&c.der), c.tbs);
	input_has(buf_bytes(&c.der), c.serial);
	input_has(buf_bytes(&c.der), c.ext.ski);
	input_has(buf_bytes(&c.der), c.ext.aki);
	look_at_key(&c.key);
	show(c.subject, &c.ext);
	show(c.issuer, &c.ext);
	(void)!lint(&c, NULL);
	(void)!lint(&c, &c);
	(void)!cert_check_ca(&c);
	(void)!cert_verify(&c, &c.key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_request(BYTES(data, size));
	try_certificate(BYTES(data, size));
	return 0;
}
