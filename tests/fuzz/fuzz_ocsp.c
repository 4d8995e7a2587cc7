/*
 * fuzz_ocsp - octets as a question about certificates: what is taken lies inside what was read, and
 * an answer to it is one that libcrypto reads.
 */
#include "tests/fuzz/fuzz.h"

#include <openssl/ocsp.h>

#include "backoffice/pki/ocsp.h"
#include "tests/fuzz/input.h"

static void read_back(struct bytes der)
{
	const unsigned char *p = der.p;
	OCSP_RESPONSE *r = d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
	OCSP_BASICRESP *basic = r ? OCSP_response_get1_basic(r) : NULL;

	FUZZ_REQUIRE(basic && p == der.p + der.n);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(r);
}

static void answer(const struct ocsp_request *r)
{
	static const struct bytes responder = BYTES_LIT("\xa2\x03\x04\x01\x00");
	struct ocsp_single singles[OCSP_ASKED_MAX] = { 0 };
	const struct ocsp_answer a = { .responder = responder,
				       .this_update = 1790000000,
				       .next_update = 1790003600,
				       .singles = singles,
				       .n = r->n,
				       .nonce = r->nonce };
	SCOPED(buf) tbs = { 0 };
	SCOPED(buf) is_signed = { 0 };
	SCOPED(buf) out = { 0 };

	/* By another hash it is nobody's, and is never in an answer. */
	for (size_t i = 0; i < r->n; i++)
		if (r->asked[i].hash == OCSP_HASH__MAX)
			return;
	for (size_t i = 0; i < r->n; i++)
		singles[i] = (struct ocsp_single) { .cert_id = r->asked[i].whole,
						    .status = (enum ocsp_status)(i % 3),
						    .revoked_at = 1789990000,
						    .reason = CRL_HOLD };
	FUZZ_REQUIRE(ocsp_tbs(&a, &tbs) == INRO_OK);
	FUZZ_REQUIRE(ocsp_signed(buf_bytes(&tbs), pki_sig_at(0), BYTES("sig", 3), &is_signed) ==
		     INRO_OK);
	FUZZ_REQUIRE(ocsp_whole(buf_bytes(&is_signed), BYTES_NONE, &out) == INRO_OK);
	read_back(buf_bytes(&out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ocsp_request r;
	struct bytes in = BYTES(data, size);

	if (ocsp_request_read(in, &r) != INRO_OK)
		return 0;
	FUZZ_REQUIRE(r.n >= 1 && r.n <= OCSP_ASKED_MAX && r.nonce.n <= OCSP_NONCE_MAX);
	input_has(in, r.nonce);
	for (size_t i = 0; i < r.n; i++) {
		input_has(in, r.asked[i].whole);
		input_has(r.asked[i].whole, r.asked[i].name);
		input_has(r.asked[i].whole, r.asked[i].key);
		input_has(r.asked[i].whole, r.asked[i].serial);
	}
	answer(&r);
	return 0;
}
