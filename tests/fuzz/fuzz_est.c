/*
 * fuzz_est - what comes in an EST request: a body in base64 or PEM, credentials, a challenge.  What is
 * taken as base64 comes out the same again.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "backoffice/core/basic.h"
#include "backoffice/est/body.h"
#include "backoffice/pki/csr.h"
#include "backoffice/pki/pem.h"

static void try_body(struct bytes in)
{
	SCOPED(buf) der = { 0 };
	SCOPED(buf) text = { 0 };
	SCOPED(buf) again = { 0 };
	SCOPED(csr) csr = { 0 };

	if (body_read(in, &der) != INRO_OK)
		return;
	body_add(&text, buf_bytes(&der));
	FUZZ_REQUIRE(!der.n || pem_base64(buf_bytes(&text), &again) == INRO_OK);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(&der), buf_bytes(&again)));
	if (csr_read(buf_bytes(&der), &csr) == INRO_OK)
		(void)!csr_verify(&csr);
}

static void try_basic(struct bytes in)
{
	SCOPED(buf) text = { 0 };
	SCOPED(basic) b = { 0 };

	buf_add(&text, in);
	buf_add_u8(&text, 0);
	if (buf_err(&text) != INRO_OK || basic_read((const char *)text.p, &b) != INRO_OK)
		return;
	FUZZ_REQUIRE(strlen(b.name) + 1 + b.password.n < b.text.n);
	FUZZ_REQUIRE(b.password.p[b.password.n] == 0);
	basic_decode_id(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size), half = BYTES(data, size / 2);

	try_body(in);
	try_basic(in);
	(void)body_binds(in, &half, 1);
	return 0;
}
