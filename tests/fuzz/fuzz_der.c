/* fuzz_der - every reader on the same bytes: none reads past the end, what is taken is whole. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/der.h"

static void walk(struct bytes in, int depth)
{
	struct der d;

	while (in.n && der_next(&in, &d) == INRO_OK) {
		SCOPED(buf) again = { 0 };

		der_add(&again, d.tag, d.value);
		FUZZ_REQUIRE(bytes_equal(buf_bytes(&again), d.whole));
		if ((d.tag & 0x20) && depth < 32)
			walk(d.value, depth + 1);
	}
}

static void try_unsigned(struct bytes in)
{
	SCOPED(buf) again = { 0 };
	struct bytes rest = in, magnitude;

	if (der_take_unsigned(&rest, &magnitude) != INRO_OK)
		return;
	der_add_unsigned(&again, magnitude);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(&again), BYTES(in.p, in.n - rest.n)));
}

static void try_int(struct bytes in)
{
	SCOPED(buf) again = { 0 };
	struct bytes rest = in;
	int64_t value;

	if (der_take_int(&rest, &value) != INRO_OK)
		return;
	der_add_int(&again, value);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(&again), BYTES(in.p, in.n - rest.n)));
}

static void try_oid(struct bytes in)
{
	SCOPED(buf) again = { 0 };
	struct bytes rest = in, oid;
	char text[256];

	if (der_take(&rest, DER_OID, &oid) != INRO_OK ||
	    der_oid_text(oid, text, sizeof text) != INRO_OK)
		return;
	der_add_oid(&again, text);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(&again), BYTES(in.p, in.n - rest.n)));
}

static void try_others(struct bytes in)
{
	struct bytes rest = in, value;
	int64_t seconds;

	if (der_take_time(&rest, &seconds) == INRO_OK)
		FUZZ_REQUIRE(seconds < INT64_C(253402300800));
	rest = in;
	if (der_take_bits(&rest, &value) == INRO_OK)
		FUZZ_REQUIRE(value.n < in.n);
	rest = in;
	if (der_take_whole(&rest, DER_SEQUENCE, &value) == INRO_OK)
		FUZZ_REQUIRE(value.n + rest.n == in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);

	walk(in, 0);
	try_unsigned(in);
	try_int(in);
	try_oid(in);
	try_others(in);
	return 0;
}
