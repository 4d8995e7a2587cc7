/* fuzz_softhsm - an object file of SoftHSM's is read within its bounds, or refused; so is its
 * template. */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tools/import/template.h"

static void check_object(const struct softhsm_object *o, struct bytes file)
{
	struct softhsm_object map;

	FUZZ_REQUIRE(o->n <= SOFTHSM_ATTRS);
	for (size_t i = 0; i < o->n; i++) {
		input_has(file, o->attrs[i].bytes);
		FUZZ_REQUIRE(softhsm_attr(o, o->attrs[i].type, o->attrs[i].kind) == &o->attrs[i]);
		if (o->attrs[i].kind == SOFTHSM_MAP &&
		    softhsm_parse_map(o->attrs[i].bytes, &map) == INRO_OK && map.n)
			input_has(o->attrs[i].bytes, map.attrs[map.n - 1].bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(softhsm_template) t = { 0 };
	SCOPED(secret) key = { 0 };
	SCOPED(buf) words = { 0 };
	struct softhsm_object o;

	if (softhsm_parse(BYTES(data, size), &o) != INRO_OK)
		return 0;
	check_object(&o, BYTES(data, size));
	FUZZ_REQUIRE(secret_new(SOFTHSM_KEY, &key) == INRO_OK);
	if (softhsm_template(&o, &key, &t) == INRO_OK) {
		FUZZ_REQUIRE(t.used <= t.room.n && t.n <= TEMPLATE_ATTRS);
		for (CK_ULONG i = 0; i < t.n; i++)
			FUZZ_REQUIRE(t.a[i].pValue || !t.a[i].ulValueLen);
	}
	softhsm_describe(&o, &key, &words);
	return 0;
}
