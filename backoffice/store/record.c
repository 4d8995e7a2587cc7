/* record - the tables of record.h: each struct's fields by name, kind and place. */
#include "backoffice/store/record.h"

#include <stdlib.h>
#include <string.h>

const char *const device_state_names[DEVICE_STATE__MAX] = {
	[DEVICE_REGISTERED] = "registered",
	[DEVICE_ACTIVE] = "active",
	[DEVICE_DISABLED] = "disabled",
	[DEVICE_DELETED] = "deleted",
};

const char *const ca_state_names[CA_STATE__MAX] = {
	[CA_ACTIVE] = "active",
	[CA_REVOKED] = "revoked",
	[CA_RETIRED] = "retired",
};

const char *const cred_kind_names[CRED_KIND__MAX] = {
	[CRED_CERTIFICATE] = "certificate",
};

const char *const cred_state_names[CRED_STATE__MAX] = {
	[CRED_REQUESTED] = "requested",	  [CRED_PENDING] = "pending",
	[CRED_ACTIVE] = "active",	  [CRED_SUSPENDED] = "suspended",
	[CRED_SUPERSEDED] = "superseded", [CRED_REVOKED] = "revoked",
	[CRED_EXPIRED] = "expired",	  [CRED_RETIRED] = "retired",
	[CRED_ARCHIVED] = "archived",	  [CRED_DESTROYED] = "destroyed",
};

const char *const event_outcome_names[EVENT_OUTCOME__MAX] = {
	[EVENT_DONE] = "done",
	[EVENT_REFUSED] = "refused",
};

#define F_PLAIN(type, k, member)                                                                   \
	{                                                                                          \
		.name = #member, .kind = (k), .offset = offsetof(struct type, member)              \
	}
#define F_INT(type, member)  F_PLAIN(type, FIELD_INT, member)
#define F_REF(type, member)  F_PLAIN(type, FIELD_REF, member)
#define F_TEXT(type, member) F_PLAIN(type, FIELD_TEXT, member)
#define F_BLOB(type, member) F_PLAIN(type, FIELD_BLOB, member)
#define F_NAME(type, member, table)                                                                \
	{                                                                                          \
		.name = #member, .kind = FIELD_NAME, .offset = offsetof(struct type, member),      \
		.names = (table), .names_n = ARRAY_LEN(table)                                      \
	}

static const struct field tenant_fields[] = {
	F_INT(tenant, id),
	F_TEXT(tenant, name),
	F_INT(tenant, created_ms),
};

static const struct field device_fields[] = {
	F_INT(device, id),
	F_INT(device, tenant),
	F_TEXT(device, device_id),
	F_TEXT(device, name),
	F_TEXT(device, ip),
	F_TEXT(device, mac),
	F_TEXT(device, hostname),
	F_TEXT(device, os),
	F_NAME(device, state, device_state_names),
	F_INT(device, created_ms),
	F_INT(device, updated_ms),
};

static const struct field ca_fields[] = {
	F_INT(ca, id),
	F_INT(ca, tenant),
	F_TEXT(ca, name),
	F_REF(ca, parent),
	F_NAME(ca, state, ca_state_names),
	F_TEXT(ca, subject),
	F_TEXT(ca, key_uri),
	F_TEXT(ca, profile),
	F_BLOB(ca, cert),
	F_INT(ca, not_before),
	F_INT(ca, not_after),
	F_INT(ca, crl_number),
	F_INT(ca, crl_at),
	F_INT(ca, created_ms),
	F_INT(ca, updated_ms),
};

static const struct field credential_fields[] = {
	F_INT(credential, id),
	F_INT(credential, tenant),
	F_NAME(credential, kind, cred_kind_names),
	F_NAME(credential, state, cred_state_names),
	F_REF(credential, device),
	F_REF(credential, ca),
	F_REF(credential, own_ca),
	F_TEXT(credential, profile),
	F_TEXT(credential, subject),
	F_TEXT(credential, key_uri),
	F_BLOB(credential, serial),
	F_BLOB(credential, fingerprint),
	F_BLOB(credential, key_hash),
	F_BLOB(credential, cert),
	F_INT(credential, not_before),
	F_INT(credential, not_after),
	F_REF(credential, replaces),
	F_REF(credential, revoked_at),
	F_INT(credential, reason),
	F_REF(credential, invalid_at),
	F_INT(credential, created_ms),
	F_INT(credential, updated_ms),
};

static const struct field event_fields[] = {
	F_INT(event, id),
	F_INT(event, tenant),
	F_INT(event, at_ms),
	F_TEXT(event, actor),
	F_TEXT(event, action),
	F_TEXT(event, subject),
	F_NAME(event, outcome, event_outcome_names),
	F_TEXT(event, detail),
	F_BLOB(event, hash),
};

static const struct field audit_head_fields[] = {
	F_INT(audit_head, id),
	F_INT(audit_head, count),
	F_BLOB(audit_head, hash),
};

#define TYPE(name, words)                                                                          \
	const struct record_type name##_type = { .table = #name,                                   \
						 .what = (words),                                  \
						 .size = sizeof(struct name),                      \
						 .fields = name##_fields,                          \
						 .n = ARRAY_LEN(name##_fields) }

TYPE(tenant, "tenant");
TYPE(device, "device");
TYPE(ca, "CA");
TYPE(credential, "certificate");
TYPE(event, "audit event");
TYPE(audit_head, "audit head");

struct bytes blob_bytes(const struct blob *b)
{
	return BYTES(b->p, b->n);
}

enum inro_err blob_set(struct blob *b, struct bytes from)
{
	uint8_t *p = NULL;

	if (from.n) {
		p = malloc(from.n);
		if (!p)
			return err_set(INRO_E_NO_MEMORY, "no memory for %zu bytes", from.n);
		memcpy(p, from.p, from.n);
	}
	free(b->p);
	*b = (struct blob) { .p = p, .n = from.n };
	return INRO_OK;
}

void blob_clear(struct blob *b)
{
	free(b->p);
	*b = (struct blob) { 0 };
}

enum inro_err text_set(char **owned, const char *s)
{
	char *copy = NULL;

	if (s && *s) {
		copy = strdup(s);
		if (!copy)
			return err_set(INRO_E_NO_MEMORY, "no memory for a text");
	}
	free(*owned);
	*owned = copy;
	return INRO_OK;
}

const char *text_or_empty(const char *s)
{
	return s ? s : "";
}

int name_index(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

void record_clear(const struct record_type *t, void *record)
{
	for (size_t i = 0; i < t->n; i++) {
		void *at = (char *)record + t->fields[i].offset;

		if (t->fields[i].kind == FIELD_TEXT)
			free(*(char **)at);
		else if (t->fields[i].kind == FIELD_BLOB)
			blob_clear(at);
	}
	memset(record, 0, t->size);
}

const struct field *record_field(const struct record_type *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->fields[i].name, name) == 0)
			return &t->fields[i];
	return NULL;
}

void tenant_clear(struct tenant *r)
{
	record_clear(&tenant_type, r);
}

void device_clear(struct device *r)
{
	record_clear(&device_type, r);
}

void ca_clear(struct ca *r)
{
	record_clear(&ca_type, r);
}

void credential_clear(struct credential *r)
{
	record_clear(&credential_type, r);
}

void event_clear(struct event *r)
{
	record_clear(&event_type, r);
}

void audit_head_clear(struct audit_head *r)
{
	record_clear(&audit_head_type, r);
}
