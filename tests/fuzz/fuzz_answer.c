/*
 * fuzz_answer - what a server of EST answers to an agent or a connector: certificates in base64.  What the
 * agent picks of them is among them, and its chain ends.
 *
 * What was said is taken for the CAs as well, and each key in it for the one that was asked for.
 */
#include "tests/fuzz/fuzz.h"

#include "tools/agent/est.h"

#define NOW INT64_C(1800000000)

static bool is_among(struct bytes der, const struct est_certs *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (bytes_equal(der, buf_bytes(&c->ders[i])))
			return true;
	return false;
}

static void pick(const struct est_certs *c, struct bytes spki)
{
	struct est_pick p = { 0 };

	if (est_pick(c, c, spki, NOW, &p) != INRO_OK)
		return;
	FUZZ_REQUIRE(is_among(p.leaf, c));
	FUZZ_REQUIRE(p.chain_n <= PAIR_CERTS_MAX && p.cas_n <= PAIR_CERTS_MAX);
	for (size_t i = 0; i < p.chain_n; i++)
		FUZZ_REQUIRE(is_among(p.chain[i], c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(est_certs) c = { 0 };

	if (est_read(BYTES(data, size), &c) != INRO_OK)
		return 0;
	FUZZ_REQUIRE(c.n >= 1 && c.n <= EST_CERTS_MAX);
	for (size_t i = 0; i < c.n; i++) {
		SCOPED(cert) one = { 0 };

		if (cert_read(buf_bytes(&c.ders[i]), &one) == INRO_OK)
			pick(&c, one.key.spki);
	}
	return 0;
}
