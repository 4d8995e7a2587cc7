/*
 * fuzz_words - what people and files write: names, alternative names, profiles.
 *
 * What is taken comes out as text that means the same.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "backoffice/pki/dn.h"
#include "backoffice/pki/profile.h"
#include "backoffice/pki/san.h"

static const struct dn_vars vars = { .device_id = "dev-1",
				     .device_name = "Press, 1",
				     .ca_name = "issuing",
				     .ca_generation = "1",
				     .any_attr = "1" };

static void try_name(const char *text)
{
	SCOPED(buf) der = { 0 };
	SCOPED(buf) shown = { 0 };
	SCOPED(buf) again = { 0 };
	SCOPED(buf) filled = { 0 };

	(void)!dn_parse(text, &vars, &filled);
	if (dn_parse(text, NULL, &der) != INRO_OK)
		return;
	FUZZ_REQUIRE(dn_check(buf_bytes(&der)) == INRO_OK);
	FUZZ_REQUIRE(dn_text(buf_bytes(&der), &shown) == INRO_OK);
	if (shown.n > DN_MAX)
		return;
	buf_add_u8(&shown, 0);
	FUZZ_REQUIRE(dn_parse((const char *)shown.p, NULL, &again) == INRO_OK);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(&der), buf_bytes(&again)));
}

static void try_san(const char *text)
{
	SCOPED(buf) names = { 0 };
	SCOPED(buf) shown = { 0 };
	SCOPED(buf) again = { 0 };

	if (san_add(&names, text) != INRO_OK)
		return;
	FUZZ_REQUIRE(san_check(buf_bytes(&names)) == INRO_OK);
	FUZZ_REQUIRE(san_text(buf_bytes(&names), &shown) == INRO_OK);
	buf_add_u8(&shown, 0);
	FUZZ_REQUIRE(san_add(&again, (const char *)shown.p) == INRO_OK);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(&names), buf_bytes(&again)));
}

static void try_profile(struct bytes text)
{
	SCOPED(profile) p = { 0 };
	SCOPED(buf) shown = { 0 };

	if (profile_read(text, "fuzz", &p) != INRO_OK)
		return;
	FUZZ_REQUIRE(profile_check(&p, PROFILE_GIVEN) == INRO_OK);
	for (size_t i = 0; profile_field_at(i); i++)
		profile_field_text(&p, i, &shown);
	FUZZ_REQUIRE(buf_err(&shown) == INRO_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	if (!text)
		return 0;
	try_name(text);
	try_san(text);
	try_profile(BYTES(data, size));
	free(text);
	return 0;
}
