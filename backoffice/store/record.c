/* record - the tables of record.h: each struct's fields by name, kind and place. */
#include "backoffice/store/record.h"

#include <stdlib.h>
#include <string.h>

#define F_PLAIN(type, k, member)                                                                   \
	{                                                                                          \
		.name = #member, .kind = (k), .offset = offsetof(struct type, member)              \
	}
#define F_INT(type, member)    F_PLAIN(type, FIELD_INT, member)
#define F_REF(type, member)    F_PLAIN(type, FIELD_REF, member)
#define F_TEXT(type, member)   F_PLAIN(type, FIELD_TEXT, member)
#define F_SPARSE(type, member) F_PLAIN(type, FIELD_SPARSE, member)
#define F_PACKED(type, member) F_PLAIN(type, FIELD_PACKED, member)
#define F_BLOB(type, member)   F_PLAIN(type, FIELD_BLOB, member)
/* As its index in the migrations has it. */
#define F_HASH(type, member)                                                                       \
	{                                                                                          \
		.name = #member, .kind = FIELD_BLOB, .offset = offsetof(struct type, member),      \
		.head = "substr(" #member ", 1, 12)"                                               \
	}
_Static_assert(RECORD_HEAD == 12, "the words of F_HASH");
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
	F_REF(device, grp),
	F_SPARSE(device, serial),
	F_NAME(device, anchor_kind, anchor_kind_names),
	F_NAME(device, anchor_store, anchor_store_names),
	F_BLOB(device, anchor),
	F_SPARSE(device, attrs),
	F_REF(device, deleted_ms),
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
	F_NAME(ca, kind, ca_kind_names),
	F_INT(ca, generation),
	F_SPARSE(ca, settings),
	F_BLOB(ca, csr),
	F_BLOB(ca, chain),
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
	F_HASH(credential, fingerprint),
	F_HASH(credential, key_hash),
	F_REF(credential, form),
	{
		.name = "form_body",
		.kind = FIELD_MODEL,
		.offset = offsetof(struct credential, form_body),
		.from = "(SELECT cert_form.body FROM cert_form WHERE cert_form.id = credential.form)",
	},
	{
		.name = "cert",
		.kind = FIELD_LIKE,
		.offset = offsetof(struct credential, cert),
		.model = offsetof(struct credential, form_body),
	},
	F_INT(credential, not_before),
	F_INT(credential, not_after),
	F_REF(credential, replaces),
	F_REF(credential, revoked_at),
	F_INT(credential, reason),
	F_REF(credential, invalid_at),
	F_SPARSE(credential, algorithm),
	F_SPARSE(credential, signature),
	F_BLOB(credential, secret),
	F_SPARSE(credential, request_id),
	F_REF(credential, grace_until),
	F_SPARSE(credential, cause),
	F_INT(credential, fails),
	F_REF(credential, locked_until),
	F_INT(credential, ca_generation),
	F_INT(credential, profile_version),
	F_REF(credential, listed_at),
	F_REF(credential, wanted_at),
	F_REF(credential, confirm_by),
	F_INT(credential, created_ms),
	F_INT(credential, updated_ms),
};

static const struct field cert_form_fields[] = {
	F_INT(cert_form, id),		F_INT(cert_form, tenant),
	F_INT(cert_form, ca),		F_INT(cert_form, ca_generation),
	F_TEXT(cert_form, profile),	F_INT(cert_form, profile_version),
	F_TEXT(cert_form, algorithm),	F_BLOB(cert_form, body),
	F_INT(cert_form, created_ms),
};

static const struct field event_fields[] = {
	F_INT(event, id),	F_INT(event, tenant),
	F_INT(event, at_ms),	F_TEXT(event, actor),
	F_TEXT(event, action),	F_TEXT(event, subject),
	F_NAME(event, outcome, event_outcome_names),
	F_PACKED(event, detail), F_BLOB(event, hash),
};

static const struct field audit_head_fields[] = {
	F_INT(audit_head, id), F_INT(audit_head, count), F_BLOB(audit_head, hash),
};

static const struct field device_group_fields[] = {
	F_INT(device_group, id),	 F_INT(device_group, tenant),
	F_TEXT(device_group, name),	 F_REF(device_group, parent),
	F_TEXT(device_group, path),	 F_TEXT(device_group, policy),
	F_REF(device_group, deleted_ms), F_INT(device_group, created_ms),
	F_INT(device_group, updated_ms),
};

static const struct field ca_order_fields[] = {
	F_INT(ca_order, id),	     F_INT(ca_order, tenant), F_INT(ca_order, ca),
	F_INT(ca_order, credential), F_BLOB(ca_order, csr),   F_TEXT(ca_order, reference),
	F_INT(ca_order, created_ms), F_INT(ca_order, tries),  F_INT(ca_order, due_ms),
	F_TEXT(ca_order, why),
};

static const struct field ca_way_fields[] = {
	F_INT(ca_way, id),	  F_INT(ca_way, tenant),  F_INT(ca_way, ca),
	F_TEXT(ca_way, url),	  F_TEXT(ca_way, label),  F_BLOB(ca_way, trust),
	F_TEXT(ca_way, account),  F_TEXT(ca_way, secret), F_BLOB(ca_way, cert),
	F_TEXT(ca_way, key_uri),  F_TEXT(ca_way, proxy),  F_INT(ca_way, seconds),
	F_INT(ca_way, tries),	  F_INT(ca_way, due_ms),  F_TEXT(ca_way, why),
	F_INT(ca_way, created_ms),
};

static const struct field ca_place_fields[] = {
	F_INT(ca_place, id),	F_INT(ca_place, tenant),   F_INT(ca_place, ca), F_INT(ca_place, generation),
	F_INT(ca_place, place), F_TEXT(ca_place, key_uri), F_INT(ca_place, created_ms),
};

static const struct field ca_generation_fields[] = {
	F_INT(ca_generation, id),
	F_INT(ca_generation, tenant),
	F_INT(ca_generation, ca),
	F_INT(ca_generation, number),
	F_TEXT(ca_generation, key_uri),
	F_BLOB(ca_generation, cert),
	F_BLOB(ca_generation, new_with_old),
	F_BLOB(ca_generation, old_with_new),
	F_BLOB(ca_generation, chain),
	F_BLOB(ca_generation, csr),
	F_SPARSE(ca_generation, settings),
	F_INT(ca_generation, not_before),
	F_INT(ca_generation, not_after),
	F_INT(ca_generation, needed_until),
	F_INT(ca_generation, created_ms),
};

static const struct field proposal_fields[] = {
	F_INT(proposal, id),
	F_INT(proposal, tenant),
	F_TEXT(proposal, action),
	F_TEXT(proposal, subject),
	F_BLOB(proposal, body),
	F_NAME(proposal, state, proposal_state_names),
	F_INT(proposal, need),
	F_TEXT(proposal, asked_by),
	F_TEXT(proposal, decided),
	F_TEXT(proposal, why),
	F_SPARSE(proposal, request_id),
	F_REF(proposal, result),
	F_INT(proposal, created_ms),
	F_INT(proposal, updated_ms),
};

static const struct field job_fields[] = {
	F_INT(job, id),		F_INT(job, tenant),
	F_TEXT(job, kind),	F_NAME(job, state, job_state_names),
	F_TEXT(job, actor),	F_TEXT(job, args),
	F_TEXT(job, cursor),	F_INT(job, total),
	F_INT(job, done),	F_INT(job, same),
	F_INT(job, wanted),	F_INT(job, failed),
	F_INT(job, anchors_of_deleted),
	F_TEXT(job, said),
	F_TEXT(job, lease_by),	F_INT(job, lease_until_ms),
	F_INT(job, created_ms), F_INT(job, started_ms),
	F_INT(job, updated_ms), F_INT(job, served),
	F_INT(job, account),	F_NAME(job, role, role_names),
	F_INT(job, bytes),
};

static const struct field job_part_fields[] = {
	F_INT(job_part, id), F_INT(job_part, tenant), F_INT(job_part, job),
	F_INT(job_part, at), F_BLOB(job_part, body),
};

static const struct field job_result_fields[] = {
	F_INT(job_result, id),	  F_INT(job_result, tenant),	 F_INT(job_result, job),
	F_TEXT(job_result, name), F_INT(job_result, credential),
};

static const struct field job_error_fields[] = {
	F_INT(job_error, id),	 F_INT(job_error, tenant), F_INT(job_error, job),
	F_TEXT(job_error, name), F_TEXT(job_error, error), F_TEXT(job_error, why),
};

static const struct field account_fields[] = {
	F_INT(account, id),	F_INT(account, tenant),
	F_TEXT(account, name),	F_NAME(account, role, role_names),
	F_NAME(account, state, account_state_names),
	F_BLOB(account, verifier), F_INT(account, fails),
	F_REF(account, locked_until), F_REF(account, seen_ms),
	F_INT(account, created_ms), F_INT(account, updated_ms),
};

static const struct field pass_fields[] = {
	F_INT(pass, id),	F_INT(pass, tenant),
	F_NAME(pass, kind, pass_kind_names),
	F_REF(pass, account),	F_TEXT(pass, name),
	F_BLOB(pass, hash),	F_NAME(pass, role, role_names),
	F_TEXT(pass, verbs),
	F_REF(pass, until),
	F_REF(pass, ended_ms),
	F_REF(pass, seen_ms),
	F_INT(pass, created_ms),
};

static const struct field reply_fields[] = {
	F_INT(reply, id),      F_INT(reply, tenant), F_BLOB(reply, key),  F_BLOB(reply, digest),
	F_INT(reply, status),  F_TEXT(reply, type),  F_BLOB(reply, body), F_INT(reply, created_ms),
};

static const struct field tpm_challenge_fields[] = {
	F_INT(tpm_challenge, id),   F_INT(tpm_challenge, tenant), F_BLOB(tpm_challenge, nonce),
	F_REF(tpm_challenge, device), F_BLOB(tpm_challenge, whose), F_TEXT(tpm_challenge, peer),
	F_BLOB(tpm_challenge, ak),  F_BLOB(tpm_challenge, ek),	  F_BLOB(tpm_challenge, answer),
	F_INT(tpm_challenge, until_ms),
};

static const struct field setting_fields[] = {
	F_INT(setting, id),	F_INT(setting, tenant),
	F_TEXT(setting, name),	F_TEXT(setting, value),
};

static const struct field tally_fields[] = {
	F_INT(tally, id),
	F_INT(tally, tenant),
	F_TEXT(tally, name),
	F_INT(tally, n),
};

static const struct field audit_mark_fields[] = {
	F_INT(audit_mark, id),	     F_INT(audit_mark, event),	 F_BLOB(audit_mark, hash),
	F_TEXT(audit_mark, key_uri), F_BLOB(audit_mark, signer), F_BLOB(audit_mark, signature),
	F_BLOB(audit_mark, next),    F_INT(audit_mark, at_ms),
};

static const struct field audit_segment_fields[] = {
	F_INT(audit_segment, id),    F_INT(audit_segment, first), F_INT(audit_segment, last),
	F_BLOB(audit_segment, hash), F_TEXT(audit_segment, file), F_BLOB(audit_segment, digest),
	F_INT(audit_segment, at_ms),
};

static const struct field listed_fields[] = {
	F_PLAIN(listed, FIELD_LENT, serial),
	F_REF(listed, revoked_at),
	F_INT(listed, reason),
	F_REF(listed, invalid_at),
	F_REF(listed, listed_at),
	F_INT(listed, not_after),
	F_INT(listed, id),
	F_REF(listed, ca),
	F_INT(listed, ca_generation),
};

static const struct field crl_scope_fields[] = {
	F_INT(crl_scope, id),	      F_INT(crl_scope, tenant),	    F_REF(crl_scope, ca),
	F_INT(crl_scope, generation), F_INT(crl_scope, shard),	    F_INT(crl_scope, full_number),
	F_INT(crl_scope, full_at),    F_INT(crl_scope, full_next),  F_INT(crl_scope, delta_number),
	F_INT(crl_scope, delta_at),   F_INT(crl_scope, delta_next),
};

static const struct field profile_version_fields[] = {
	F_INT(profile_version, id),	  F_INT(profile_version, tenant),
	F_TEXT(profile_version, name),	  F_INT(profile_version, version),
	F_BLOB(profile_version, body),	  F_TEXT(profile_version, actor),
	F_REF(profile_version, ended_ms), F_INT(profile_version, created_ms),
};

static const struct field errand_fields[] = {
	F_INT(errand, id),
	F_INT(errand, tenant),
	F_REF(errand, device),
	F_NAME(errand, verb, errand_verb_names),
	F_TEXT(errand, argument),
	F_NAME(errand, state, errand_state_names),
	F_TEXT(errand, actor),
	F_TEXT(errand, answer),
	F_INT(errand, created_ms),
	F_REF(errand, ended_ms),
};

static const struct field lease_fields[] = {
	F_INT(lease, id),
	F_TEXT(lease, name),
	F_TEXT(lease, holder),
	F_INT(lease, until_ms),
};

static const struct field status_change_fields[] = {
	F_INT(status_change, id),
	F_INT(status_change, ca),
	F_INT(status_change, generation),
	F_BLOB(status_change, serial),
	F_INT(status_change, at_ms),
};

static const struct field ca_delegate_fields[] = {
	F_INT(ca_delegate, id),		F_INT(ca_delegate, tenant),
	F_INT(ca_delegate, ca),		F_INT(ca_delegate, generation),
	F_INT(ca_delegate, credential), F_INT(ca_delegate, created_ms),
	F_INT(ca_delegate, purpose),
};

static const struct field crl_piece_fields[] = {
	F_INT(crl_piece, id),	 F_INT(crl_piece, ca),	   F_INT(crl_piece, generation),
	F_INT(crl_piece, shard), F_INT(crl_piece, delta),  F_INT(crl_piece, number),
	F_INT(crl_piece, seq),	 F_INT(crl_piece, this_update), F_INT(crl_piece, next_update),
	F_INT(crl_piece, ended), F_BLOB(crl_piece, body),
};

static const struct field crl_made_fields[] = {
	F_INT(crl_made, number),     F_INT(crl_made, this_update), F_INT(crl_made, next_update),
	F_INT(crl_made, id),	     F_INT(crl_made, ca),	   F_INT(crl_made, generation),
	F_INT(crl_made, shard),	     F_INT(crl_made, delta),	   F_INT(crl_made, seq),
};

static const struct field key_use_fields[] = {
	F_INT(key_use, id),	      F_INT(key_use, tenant), F_HASH(key_use, key_hash),
	F_HASH(key_use, fingerprint), F_REF(key_use, device), F_REF(key_use, own_ca),
	F_REF(key_use, revoked_at),   F_INT(key_use, reason),
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
TYPE(cert_form, "form of certificates");
TYPE(event, "audit event");
TYPE(audit_head, "audit head");
TYPE(device_group, "group");
TYPE(ca_generation, "CA's earlier key");
TYPE(ca_place, "place of a CA's key");
TYPE(ca_order, "request to a CA elsewhere");
TYPE(ca_way, "way to a CA elsewhere");
TYPE(proposal, "proposal");
TYPE(job, "job");
TYPE(job_error, "row of a job");
TYPE(job_part, "rows of a job");
TYPE(job_result, "result of a job");
TYPE(account, "account");
TYPE(pass, "pass");
TYPE(reply, "kept answer");
TYPE(tpm_challenge, "challenge for a TPM");
TYPE(setting, "setting");
TYPE(tally, "count");
TYPE(audit_mark, "signed audit head");
TYPE(audit_segment, "archived part of the audit");
TYPE(crl_scope, "revocation list's record");
TYPE(profile_version, "profile");
TYPE(errand, "errand");
TYPE(lease, "lease");
TYPE(status_change, "change of a certificate's state");
TYPE(crl_piece, "part of a revocation list");
/* The table is called as it was when its rows were for answers alone. */
const struct record_type ca_delegate_type = { .table = "ocsp_signer",
					      .what = "signer in a CA's place",
					      .size = sizeof(struct ca_delegate),
					      .fields = ca_delegate_fields,
					      .n = ARRAY_LEN(ca_delegate_fields) };

const struct record_type listed_type = { .table = "credential",
					 .what = "certificate",
					 .size = sizeof(struct listed),
					 .fields = listed_fields,
					 .n = ARRAY_LEN(listed_fields),
					 .shown = 6 };

const struct record_type listed_entry_type = { .table = "credential",
					       .what = "certificate",
					       .size = sizeof(struct listed),
					       .fields = listed_fields,
					       .n = ARRAY_LEN(listed_fields),
					       .shown = 4 };

size_t record_columns(const struct record_type *t)
{
	return t->shown ? t->shown : t->n;
}

const struct record_type crl_made_type = { .table = "crl_piece",
					   .what = "revocation list",
					   .size = sizeof(struct crl_made),
					   .fields = crl_made_fields,
					   .n = ARRAY_LEN(crl_made_fields) };

const struct record_type key_use_type = { .table = "credential",
					  .what = "certificate",
					  .size = sizeof(struct key_use),
					  .fields = key_use_fields,
					  .n = ARRAY_LEN(key_use_fields) };

static const struct field credential_move_fields[] = {
	F_INT(credential, id),		F_NAME(credential, state, cred_state_names),
	F_REF(credential, revoked_at),	F_INT(credential, reason),
	F_REF(credential, invalid_at),	F_BLOB(credential, secret),
	F_REF(credential, grace_until), F_SPARSE(credential, cause),
	F_REF(credential, listed_at),	F_INT(credential, updated_ms),
};

static const struct field device_move_fields[] = {
	F_INT(device, id), F_NAME(device, state, device_state_names), F_INT(device, updated_ms),
};

static const struct field device_end_fields[] = {
	F_INT(device, id),	       F_TEXT(device, name), F_NAME(device, state, device_state_names),
	F_REF(device, deleted_ms), F_INT(device, updated_ms),
};

static const struct field credential_holder_fields[] = {
	F_INT(credential, id),
	F_INT(credential, tenant),
	F_NAME(credential, kind, cred_kind_names),
	F_NAME(credential, state, cred_state_names),
	F_REF(credential, device),
	F_REF(credential, ca),
	F_REF(credential, own_ca),
	F_INT(credential, not_after),
	F_REF(credential, revoked_at),
	F_HASH(credential, fingerprint),
};

#define PART_OF(type, part, words)                                                                 \
	const struct record_type type##_##part##_type = { .table = #type,                          \
							  .what = (words),                         \
							  .size = sizeof(struct type),             \
							  .fields = type##_##part##_fields,        \
							  .n = ARRAY_LEN(type##_##part##_fields) }

PART_OF(credential, move, "certificate");
PART_OF(credential, holder, "certificate");
PART_OF(device, move, "device");
PART_OF(device, end, "device");

const struct record_type *const record_types[] = {
	&tenant_type,
	&device_group_type,
	&device_type,
	&ca_type,
	&ca_generation_type,
	&ca_place_type,
	&cert_form_type,
	&credential_type,
	&ca_order_type,
	&ca_way_type,
	&proposal_type,
	&job_type,
	&job_error_type,
	&job_part_type,
	&job_result_type,
	&account_type,
	&pass_type,
	&reply_type,
	&tpm_challenge_type,
	&setting_type,
	&tally_type,
	&event_type,
	&audit_head_type,
	&audit_mark_type,
	&audit_segment_type,
	&crl_scope_type,
	&profile_version_type,
	&errand_type,
	&lease_type,
	&status_change_type,
	&ca_delegate_type,
	&crl_piece_type,
	NULL,
};

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

bool field_is_blob(const struct field *f)
{
	return f->kind == FIELD_BLOB || f->kind == FIELD_MODEL || f->kind == FIELD_LIKE;
}

struct bytes field_model(const struct field *f, const void *record)
{
	struct blob model;

	memcpy(&model, (const char *)record + f->model, sizeof model);
	return blob_bytes(&model);
}

void record_clear(const struct record_type *t, void *record)
{
	for (size_t i = 0; i < t->n; i++) {
		void *at = (char *)record + t->fields[i].offset;

		if (t->fields[i].kind == FIELD_TEXT || t->fields[i].kind == FIELD_SPARSE ||
		    t->fields[i].kind == FIELD_PACKED)
			free(*(char **)at);
		else if (field_is_blob(&t->fields[i]))
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

/* tenant_clear() and its like: what record.h promises for each. */
#define CLEAR(type)                                                                                \
	void type##_clear(struct type *r)                                                          \
	{                                                                                          \
		record_clear(&type##_type, r);                                                     \
	}

CLEAR(tenant)
CLEAR(device)
CLEAR(ca)
CLEAR(credential)
CLEAR(event)
CLEAR(audit_head)
CLEAR(device_group)
CLEAR(ca_generation)
CLEAR(cert_form)
CLEAR(ca_order)
CLEAR(ca_way)
CLEAR(ca_place)
CLEAR(proposal)
CLEAR(job)
CLEAR(job_error)
CLEAR(job_part)
CLEAR(job_result)
CLEAR(account)
CLEAR(pass)
CLEAR(reply)
CLEAR(tpm_challenge)
CLEAR(setting)
CLEAR(tally)
CLEAR(audit_mark)
CLEAR(audit_segment)
CLEAR(crl_scope)
CLEAR(errand)
CLEAR(lease)
CLEAR(status_change)
CLEAR(crl_piece)
CLEAR(profile_version)
