/* evidence - see evidence.h. */
#include "backoffice/core/evidence.h"

#include <stdio.h>
#include <stdlib.h>

#include "backoffice/core/keyring.h"
#include "backoffice/core/setting.h"
#include "backoffice/pki/crypt.h"

enum inro_err evidence_signer(struct core *c, char **ret)
{
	struct token_key *key = NULL;
	enum inro_err e = setting_get(c, "audit.key", ret);

	if (e == INRO_E_NOT_FOUND || !*ret)
		return e == INRO_E_NOT_FOUND ? INRO_OK : e;
	return e == INRO_OK ? core_key(c, *ret, &key) : e;
}

json_t *evidence_hex(struct bytes b)
{
	SCOPED(buf) hex = { 0 };

	buf_add_hex(&hex, b);
	return json_stringn(hex.n ? (const char *)hex.p : "", hex.n);
}

json_t *evidence_copy(const struct credential *before, const struct credential *after)
{
	const char *done = after->secret.n ? "none: the record still has it"
					   : "wiped; the record, read again, has none";

	if (!before->secret.n)
		return json_pack("{s:s s:s}", "thing", "sealed copy of the key", "done",
				 "none: no copy was kept");
	return json_pack("{s:s s:I s:s}", "thing", "sealed copy of the key", "octets",
			 (json_int_t)before->secret.n, "done", done);
}

static enum inro_err sign_statement(struct core *c, const char *uri, const char *text, json_t *doc)
{
	struct token_key *key = NULL;
	const struct pki_sig *sig = NULL;
	SCOPED(buf) signature = { 0 };
	enum inro_err e = core_key(c, uri, &key);

	if (e == INRO_OK)
		e = token_key_sig(key, &sig);
	if (e == INRO_OK)
		e = token_key_sign(key, sig, bytes_of(text), &signature);
	if (e != INRO_OK)
		return e;
	json_object_set_new(doc, "key", json_string(uri));
	json_object_set_new(doc, "signer", evidence_hex(token_key_spki(key)));
	json_object_set_new(doc, "algorithm", json_string(sig->name));
	json_object_set_new(doc, "signature", evidence_hex(buf_bytes(&signature)));
	return INRO_OK;
}

static enum inro_err add_document(json_t *doc, struct buf *ret)
{
	char *text = json_dumps(doc, JSON_INDENT(1));

	if (!text)
		return err_set(INRO_E_NO_MEMORY, "no memory for a statement");
	buf_addf(ret, "%s\n", text);
	free(text);
	return buf_err(ret);
}

/* The statement is signed as the text that it is in the document. */
static enum inro_err write_document(struct core *c, const char *uri, const char *text,
				    struct buf *ret)
{
	json_t *doc = json_pack("{s:i s:s}", "inro_destruction", 1, "statement", text);
	enum inro_err e = uri ? sign_statement(c, uri, text, doc) : INRO_OK;

	if (e == INRO_OK)
		e = add_document(doc, ret);
	json_decref(doc);
	return e;
}

struct noting {
	const struct destruction *ev;
	uint8_t digest[PKI_DIGEST_MAX];
};

static enum inro_err note_work(struct core *c, void *arg)
{
	const struct noting *n = arg;
	SCOPED(buf) detail = { 0 };
	char name[24], action[32];
	const struct audit_entry entry = { action, n->ev->kind, name, EVENT_DONE, &detail };

	snprintf(name, sizeof name, "%lld", (long long)n->ev->id);
	snprintf(action, sizeof action, "%s.evidence", n->ev->kind);
	detail_hex(&detail, "statement", BYTES(n->digest, pki_hash_octets(PKI_SHA256)));
	return audit_append(c, &entry);
}

enum inro_err evidence_give(struct core *c, const struct destruction *ev, const char *text,
			    struct buf *ret)
{
	struct noting n = { .ev = ev };
	enum inro_err e = pki_digest(PKI_SHA256, bytes_of(text), n.digest);

	if (e == INRO_OK)
		e = write_document(c, ev->signer, text, ret);
	if (e == INRO_OK)
		e = core_write(c, note_work, &n);
	return e == INRO_OK ? e
			    : err_context(e, "%s %lld is destroyed, its statement is not made",
					  ev->kind, (long long)ev->id);
}
