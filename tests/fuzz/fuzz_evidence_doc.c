/* fuzz_evidence_doc - evidence as JSON from anybody: what is taken is evidence, and is told again as it was. */
#include "tests/fuzz/fuzz.h"

#include "tests/fuzz/file.h"
#include "tools/evidence_doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(buf) evidence = { 0 };
	SCOPED(buf) again = { 0 };
	struct evidence e;
	json_t *doc = NULL;
	char *text;

	if (evidence_doc_read(fuzz_file(BYTES(data, size)), &evidence) != INRO_OK)
		return 0;
	FUZZ_REQUIRE(evidence_read(buf_bytes(&evidence), &e) == INRO_OK);
	FUZZ_REQUIRE(evidence_doc_make(buf_bytes(&evidence), &doc) == INRO_OK);
	text = json_dumps(doc, JSON_COMPACT);
	FUZZ_REQUIRE(text && evidence_doc_read(fuzz_file(bytes_of(text)), &again) == INRO_OK);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(&evidence), buf_bytes(&again)));
	free(text);
	json_decref(doc);
	return 0;
}
