/* fuzz_uri - what parses prints, and what is printed parses to the same and prints the same; references to keys, which
 * hold one. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/cryptoki/reference.h"
#include "base/cryptoki/uri.h"

static void print(const struct p11_uri *u, struct buf *out)
{
	p11_uri_print(u, out);
	FUZZ_REQUIRE(buf_err(out) == INRO_OK);
}

static void match_anything(const struct p11_uri *u)
{
	CK_INFO library;
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;

	memset(&library, 'a', sizeof library);
	memset(&slot, ' ', sizeof slot);
	memset(&token, 0, sizeof token);
	p11_uri_matches_library(u, &library);
	p11_uri_matches_slot(u, 0, &slot);
	p11_uri_matches_token(u, &token);
}

/* An escape may take three bytes for one: the printed text can be too long to be parsed. */
static void parse_again(struct buf *first)
{
	SCOPED(p11_uri) u = { 0 };
	SCOPED(buf) second = { 0 };
	AUTO(free_chars) char *text = NULL;

	if (first->n > P11_URI_MAX)
		return;
	buf_add(&second, buf_bytes(first));
	text = buf_take_str(&second);
	FUZZ_REQUIRE(text && p11_uri_parse(text, &u) == INRO_OK);
	print(&u, &second);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(first), buf_bytes(&second)));
}

/* Any program that reads a key from a file reads these by the provider. */
static void try_reference(struct bytes in)
{
	SCOPED(buf) again = { 0 };
	AUTO(free_chars) char *text = NULL;

	if (reference_read(in, &text) != INRO_OK)
		return;
	FUZZ_REQUIRE(reference_is(in));
	reference_write(text, &again);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(&again), in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(p11_uri) u = { 0 };
	SCOPED(p11_uri) copy = { 0 };
	SCOPED(buf) a = { 0 };
	SCOPED(buf) b = { 0 };
	AUTO(free_chars) char *text = strndup(size ? (const char *)data : "", size);
	CK_ATTRIBUTE template[3];
	CK_OBJECT_CLASS class;

	FUZZ_REQUIRE(text);
	try_reference(BYTES(data, size));
	if (p11_uri_parse(text, &u) != INRO_OK)
		return 0;
	FUZZ_REQUIRE(p11_uri_copy(&u, &copy) == INRO_OK);
	print(&u, &a);
	print(&copy, &b);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
	FUZZ_REQUIRE(p11_uri_template(&copy, template, &class) <= 3);
	match_anything(&u);
	parse_again(&a);
	return 0;
}
