/*
 * fuzz_blocklist - a list of keys from anybody: it is read whole or not at all, and a key is in it only if its
 * fingerprint is.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "backoffice/pki/blocklist.h"
#include "tests/fuzz/file.h"

/* An Ed25519 key. */
static const uint8_t spki[] = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"
			      "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
			      "\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20";

static void lower(struct buf *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->p[i] >= 'A' && b->p[i] <= 'F')
			b->p[i] = (uint8_t)(b->p[i] - 'A' + 'a');
}

static bool names(struct bytes list, struct bytes print)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) hex = { 0 };

	buf_add(&text, list);
	buf_add_hex(&hex, print);
	lower(&text);
	return text.n && memmem(text.p, text.n, hex.p, hex.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blocklist *b = NULL;
	struct pubkey key;
	uint8_t print[PKI_DIGEST_MAX];

	FUZZ_REQUIRE(pubkey_read(BYTES(spki, sizeof spki - 1), &key) == INRO_OK);
	FUZZ_REQUIRE(pki_digest(PKI_SHA256, key.spki, print) == INRO_OK);
	if (blocklist_read(fuzz_file(BYTES(data, size)), &b) == INRO_OK) {
		bool listed = blocklist_check(b, &key) == INRO_E_POLICY;

		FUZZ_REQUIRE(!listed || names(BYTES(data, size), BYTES(print, 32)));
	}
	blocklist_free(b);
	return 0;
}
