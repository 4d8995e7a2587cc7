/*
 * fuzz_pack - texts as a database has them packed: every text comes back as it was, and what was never packed is
 * unpacked or refused.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "backoffice/store/pack.h"
#include "base/utf8.h"

static bool is_utf8(const char *text)
{
	return utf8_is_text(bytes_of(text), NULL);
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((uint8_t)*text < 0x20)
			return false;
	return true;
}

static void comes_back(const char *text)
{
	SCOPED(buf) packed = { 0 };
	SCOPED(buf) again = { 0 };

	FUZZ_REQUIRE(pack_text(text, &packed) == INRO_OK);
	FUZZ_REQUIRE(!is_utf8(text) || is_utf8((const char *)packed.p));
	FUZZ_REQUIRE(unpack_text((const char *)packed.p, &again) == INRO_OK);
	FUZZ_REQUIRE(strcmp((const char *)again.p, text) == 0);
}

static void is_read(const char *packed)
{
	SCOPED(buf) text = { 0 };

	if (unpack_text(packed, &text) != INRO_OK)
		return;
	FUZZ_REQUIRE(text.n && text.p[text.n - 1] == 0);
	FUZZ_REQUIRE(!is_plain(packed) || strcmp((const char *)text.p, packed) == 0);
	comes_back((const char *)text.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup(size ? (const char *)data : "", size);

	FUZZ_REQUIRE(text);
	comes_back(text);
	is_read(text);
	free(text);
	return 0;
}
