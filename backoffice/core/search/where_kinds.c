/* where_kinds - what can be searched, by which fields, and along which indexes; see where.h. */
#include <stdio.h>

#include "backoffice/core/cred.h"
#include "backoffice/core/where.h"
#include "backoffice/pki/cert.h"
#include "base/clock.h"

/* ---- devices ---- */

static const struct where_field device_fields[] = {
	{ "id", "device_id", WHERE_TEXT },
	{ "name", "name", WHERE_TEXT },
	{ "ip", "ip", WHERE_IP },
	{ "mac", "mac", WHERE_MAC },
	{ "host", "hostname", WHERE_TEXT },
	{ "os", "os", WHERE_TEXT },
	{ "serial", "serial", WHERE_TEXT },
	{ "state", "state", WHERE_NAME },
	{ "group", "grp", WHERE_GROUP },
	{ "anchor", "anchor_kind", WHERE_NAME },
	{ "anchor_store", "anchor_store", WHERE_NAME },
	{ "attr", "attrs", WHERE_ATTR },
	{ "created", "created_ms", WHERE_MS },
	{ "updated", "updated_ms", WHERE_MS },
	{ "deleted", "deleted_ms", WHERE_MS },
	{ 0 },
};
/* Those of store/sql: (tenant, FIELD, id), (grp, state, id), (tenant, state, id). */
static const struct where_index device_indexes[] = {
	{ { "device_id" }, NULL, WALK_ALL },
	{ { "mac" }, NULL, WALK_ALL },
	{ { "serial" }, NULL, WALK_ALL },
	{ { "ip" }, NULL, WALK_ALL },
	{ { "name" }, NULL, WALK_ALL },
	{ { "hostname" }, NULL, WALK_ALL },
	{ { "grp", "state" }, NULL, WALK_ALL },
	{ { 0 }, "device_id", WALK_PREFIX },
	{ { 0 }, "name", WALK_PREFIX },
	{ { 0 }, "hostname", WALK_PREFIX },
	{ { 0 }, "mac", WALK_PREFIX },
	{ { 0 }, "ip", WALK_PREFIX },
	{ { "grp" }, "state", WALK_ALL },
	{ { "state" }, NULL, WALK_ALL },
	{ { 0 }, "name", WALK_ALL },
	{ { 0 }, "hostname", WALK_ALL },
	{ { 0 }, "mac", WALK_ALL },
	{ { 0 }, "ip", WALK_ALL },
	{ { 0 }, "device_id", WALK_ALL },
};
static const struct store_cond live_cert[] = {
	{ .field = "kind", .number = CRED_CERTIFICATE },
	{ .field = "state", .number = CRED_ACTIVE },
};
static const struct store_cond live_key[] = {
	{ .field = "kind", .number = CRED_KEY },
	{ .field = "state", .number = CRED_ACTIVE },
};
static const struct where_join device_joins[] = {
	{ "cert", &where_creds, "id", "device", live_cert, ARRAY_LEN(live_cert) },
	{ "key", &where_creds, "id", "device", live_key, ARRAY_LEN(live_key) },
	{ 0 },
};
const struct where_kind where_devices = {
	&device_type, device_fields, device_indexes, ARRAY_LEN(device_indexes), device_joins, NULL,
};

/* ---- credentials ---- */

static const struct where_field cred_fields[] = {
	{ "id", "id", WHERE_NUMBER },
	{ "kind", "kind", WHERE_NAME },
	{ "state", "state", WHERE_STATE },
	{ "device", "device", WHERE_DEVICE },
	{ "ca", "ca", WHERE_CA },
	{ "profile", "profile", WHERE_TEXT },
	{ "subject", "subject", WHERE_TEXT },
	{ "serial", "serial", WHERE_HEX },
	{ "sha256", "fingerprint", WHERE_HEX },
	{ "key_sha256", "key_hash", WHERE_HEX },
	{ "key_type", "algorithm", WHERE_TEXT },
	{ "algorithm", "algorithm", WHERE_TEXT },
	{ "signature", "signature", WHERE_TEXT },
	{ "key", "key_uri", WHERE_TEXT },
	{ "request", "request_id", WHERE_TEXT },
	{ "cause", "cause", WHERE_TEXT },
	{ "reason", "reason", WHERE_REASON },
	{ "from", "not_before", WHERE_SECONDS },
	{ "expires", "not_after", WHERE_SECONDS },
	{ "revoked", "revoked_at", WHERE_SECONDS },
	{ "wanted", "wanted_at", WHERE_SECONDS },
	{ "good_until", "grace_until", WHERE_SECONDS },
	{ "issued", "created_ms", WHERE_MS },
	{ "updated", "updated_ms", WHERE_MS },
	{ 0 },
};
/* Those of store/sql, and the rows by number. */
static const struct where_index cred_indexes[] = {
	{ { "serial" }, NULL, WALK_ALL },
	{ { "fingerprint" }, NULL, WALK_ALL },
	{ { "key_hash" }, NULL, WALK_ALL },
	{ { "request_id" }, NULL, WALK_ALL },
	{ { 0 }, "fingerprint", WALK_PREFIX },
	{ { 0 }, "serial", WALK_PREFIX },
	{ { "device" }, NULL, WALK_ALL },
	{ { "state" }, "not_after", WALK_RANGE },
	{ { "state" }, "not_after", WALK_ALL },
	{ { 0 }, NULL, WALK_ALL },
};
static const struct where_join cred_joins[] = {
	{ "device", &where_devices, "device", "id", NULL, 0 },
	{ 0 },
};

/* What was recorded before there were fields for it. */
static void see_cert(struct where_room *room)
{
	struct credential *r = &room->rec;
	SCOPED(cert) cert = { 0 };

	if (r->kind != CRED_CERTIFICATE || (r->algorithm && r->signature) || !r->cert.n ||
	    cert_read(blob_bytes(&r->cert), &cert) != INRO_OK)
		return;
	pubkey_name(&cert.key, room->algorithm, sizeof room->algorithm);
	snprintf(room->signature, sizeof room->signature, "%s", cert.sig->name);
	r->algorithm = room->algorithm;
	r->signature = room->signature;
}

static const void *see_cred(const void *row, struct where_room *room)
{
	room->rec = *(const struct credential *)row;
	room->rec.state = cred_shown_state(&room->rec, clock_now());
	see_cert(room);
	return &room->rec;
}

const struct where_kind where_creds = {
	&credential_type, cred_fields, cred_indexes, ARRAY_LEN(cred_indexes), cred_joins, see_cred,
};

/* ---- what happened ---- */

static const struct where_field event_fields[] = {
	{ "id", "id", WHERE_NUMBER },	     { "at", "at_ms", WHERE_MS },
	{ "actor", "actor", WHERE_TEXT },    { "action", "action", WHERE_TEXT },
	{ "subject", "subject", WHERE_TEXT }, { "outcome", "outcome", WHERE_NAME },
	{ 0 },
};
static const struct where_index event_indexes[] = {
	{ { "subject" }, NULL, WALK_ALL },
	{ { 0 }, "at_ms", WALK_RANGE },
	{ { 0 }, "subject", WALK_PREFIX },
	{ { 0 }, "at_ms", WALK_ALL },
	{ { 0 }, NULL, WALK_ALL },
};
const struct where_kind where_events = {
	&event_type, event_fields, event_indexes, ARRAY_LEN(event_indexes), NULL, NULL,
};
