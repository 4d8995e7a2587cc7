/*
 * fuzz_archive - a file that is said to be the archive of an audit's first events: it is that, to the last octet,
 * or it is told to be damaged.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "backoffice/core/audit/audit_chain.h"
#include "backoffice/pki/crypt.h"
#include "base/own.h"
#include "tests/fuzz/file.h"
#include "tests/lib/scratch.h"

#define EVENTS 3

static struct core *office;
static struct buf good;

static const char *const details[EVENTS] = { "{}", "{\"why\":\"a \\\"b\\\"\"}", "" };

/* The text of a member, as JSON has it. */
static void add_text(struct buf *out, const char *name, const char *text)
{
	buf_addf(out, ",\"%s\":\"", name);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_add_u8(out, '\\');
		buf_add_u8(out, (uint8_t)*text);
	}
	buf_add_u8(out, '"');
}

static void add_event(struct event *ev, struct chain_place *at, struct buf *out)
{
	SCOPED(buf) work = { 0 };
	uint8_t hash[PKI_DIGEST_MAX];

	FUZZ_REQUIRE(chain_event_hash(ev, chain_hash(at), &work, hash) == INRO_OK);
	memcpy(at->hash, hash, sizeof at->hash);
	at->count = ev->id;
	buf_addf(out, "{\"id\":%lld,\"tenant\":%lld,\"at_ms\":%lld", (long long)ev->id, (long long)ev->tenant,
		 (long long)ev->at_ms);
	add_text(out, "actor", ev->actor);
	add_text(out, "action", ev->action);
	add_text(out, "subject", ev->subject);
	add_text(out, "outcome", event_outcome_names[ev->outcome]);
	add_text(out, "detail", ev->detail);
	buf_add_str(out, ",\"hash\":\"");
	buf_add_hex(out, chain_hash(at));
	buf_add_str(out, "\"}\n");
}

static void make_good(struct chain_place *at)
{
	buf_add_str(&good, "{\"inro_audit_archive\":1,\"first\":1,\"before\":\"\"}\n");
	for (int i = 0; i < EVENTS; i++) {
		struct event ev = { .id = i + 1, .tenant = 1, .at_ms = 1800000000000 + i,
				    .actor = (char[]) { "tester" }, .action = (char[]) { "device.add" },
				    .subject = (char[]) { "device:dev-1" }, .outcome = EVENT_DONE };

		ev.detail = strdup(details[i]);
		FUZZ_REQUIRE(ev.detail);
		add_event(&ev, at, &good);
		free(ev.detail);
	}
	FUZZ_REQUIRE(buf_err(&good) == INRO_OK);
}

static void prepare(void)
{
	char db[600];
	const struct core_options o = { .db = db, .actor = "tester", .role = ROLE_ADMIN };
	struct audit_segment s = { .first = 1, .last = EVENTS, .at_ms = 1800000000000 };
	struct chain_place at = { 0 };
	uint8_t digest[PKI_DIGEST_MAX];

	if (office)
		return;
	snprintf(db, sizeof db, "sqlite:%s", scratch_path("archive.db"));
	setenv("INRO_HOME", scratch_path("home"), 1);
	setenv("INRO_CONFIG", "/dev/null", 1);
	make_good(&at);
	FUZZ_REQUIRE(pki_digest(PKI_SHA256, buf_bytes(&good), digest) == INRO_OK);
	FUZZ_REQUIRE(blob_set(&s.hash, chain_hash(&at)) == INRO_OK);
	FUZZ_REQUIRE(blob_set(&s.digest, BYTES(digest, AUDIT_HASH)) == INRO_OK);
	FUZZ_REQUIRE(text_set(&s.file, "archive") == INRO_OK);
	FUZZ_REQUIRE(core_open(&o, &office) == INRO_OK);
	FUZZ_REQUIRE(store_begin(office->store, STORE_WRITE) == INRO_OK && store_insert(office->store, &s) == INRO_OK &&
		     store_commit(office->store) == INRO_OK);
	audit_segment_clear(&s);
}

static enum inro_err look(struct bytes in)
{
	const char *file = fuzz_file(in);
	const struct audit_check k = { .archives = &file, .archives_n = 1 };
	const struct mark_list marks = { 0 };
	struct audit_report report = { 0 };

	return archive_check(office, &k, &marks, &report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool same;

	prepare();
	FUZZ_REQUIRE(look(buf_bytes(&good)) == INRO_OK);
	same = bytes_equal(BYTES(data, size), buf_bytes(&good));
	FUZZ_REQUIRE(look(BYTES(data, size)) == (same ? INRO_OK : INRO_E_DAMAGED));
	return 0;
}
