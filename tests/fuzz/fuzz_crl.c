/*
 * fuzz_crl - a revocation list of another CA's, PEM or DER: every entry of what is taken lies inside what was
 * read, and can be written into a list of ours.
 */
#include "tests/fuzz/fuzz.h"

#include "backoffice/pki/crl_read.h"
#include "tests/fuzz/input.h"

static void look(const struct crl_entry *entry, const struct buf *whole)
{
	input_has(buf_bytes(whole), entry->serial);
	FUZZ_REQUIRE(entry->serial.n >= 1 && entry->serial.n <= CERT_SERIAL_MAX);
	FUZZ_REQUIRE(crl_reason_name(entry->reason) && entry->reason != CRL_REMOVE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(crl_facts) f = { 0 };
	struct crl_entry entry;
	struct bytes entries;

	if (crl_read(BYTES(data, size), &f) != INRO_OK)
		return 0;
	input_has(buf_bytes(&f.der), f.tbs);
	input_has(buf_bytes(&f.der), f.issuer);
	input_has(buf_bytes(&f.der), f.entries);
	input_has(buf_bytes(&f.der), f.signature);
	FUZZ_REQUIRE(f.number >= 0 && f.sig);
	for (entries = f.entries; entries.n && crl_next(&entries, &entry) == INRO_OK;)
		look(&entry, &f.der);
	return 0;
}
