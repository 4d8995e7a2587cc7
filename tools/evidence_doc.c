/* evidence_doc - see evidence_doc.h. */
#include "tools/evidence_doc.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/file.h"
#include "tools/office.h"

#define FORMAT "inro-tpm-evidence"

static const struct {
	const char *name;
	size_t at;
} fields[] = {
	{ "attest", offsetof(struct evidence, attest) },
	{ "signature", offsetof(struct evidence, signature) },
	{ "key", offsetof(struct evidence, key) },
	{ "ak", offsetof(struct evidence, ak) },
	{ "ek", offsetof(struct evidence, ek) },
};

static struct bytes *field(struct evidence *e, size_t i)
{
	return (struct bytes *)(void *)((char *)e + fields[i].at);
}

/* ---- base64 ---- */

static json_t *to_base64(struct bytes b)
{
	SCOPED(buf) text = { 0 };
	uint8_t *room = buf_extend(&text, (b.n + 2) / 3 * 4 + 1);

	if (!room)
		return NULL;
	return json_stringn((const char *)room, (size_t)EVP_EncodeBlock(room, b.p, (int)b.n));
}

/* Appended. */
static enum inro_err from_base64(json_t *text, struct buf *ret)
{
	struct bytes in = BYTES(json_string_value(text), json_string_length(text));
	size_t start = ret->n, filler = 0;
	uint8_t *room = in.n && in.n % 4 == 0 ? buf_extend(ret, in.n / 4 * 3) : NULL;
	int n = room ? EVP_DecodeBlock(room, in.p, (int)in.n) : -1;

	if (n < 0)
		return err_set(INRO_E_SYNTAX, "a field of the evidence is missing, or no base64");
	while (filler < 2 && in.p[in.n - 1 - filler] == '=')
		filler++;
	buf_truncate(ret, start + (size_t)n - filler);
	return INRO_OK;
}

/* ---- out ---- */

static enum inro_err add_chain(struct bytes chain, json_t *list)
{
	struct bytes one;
	enum inro_err e = INRO_OK;

	while (!e && chain.n) {
		e = read_field(&chain, &one);
		if (!e && json_array_append_new(list, to_base64(one)))
			e = INRO_E_NO_MEMORY;
	}
	return e;
}

enum inro_err evidence_doc_make(struct bytes evidence, json_t **ret)
{
	struct evidence v;
	json_t *list = json_array(), *doc = json_object();
	enum inro_err e = evidence_read(evidence, &v);

	json_object_set_new(doc, "format", json_string(FORMAT));
	json_object_set_new(doc, "version", json_integer(EVIDENCE_VERSION));
	for (size_t i = 0; !e && i < ARRAY_LEN(fields); i++)
		if (json_object_set_new(doc, fields[i].name, to_base64(*field(&v, i))))
			e = INRO_E_NO_MEMORY;
	if (!e)
		e = add_chain(v.chain, list);
	json_object_set_new(doc, "certificates", list);
	return json_give_or_drop(e, doc, ret);
}

/* ---- in ---- */

static enum inro_err read_chain(json_t *list, struct buf *ret)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && i < json_array_size(list); i++) {
		SCOPED(buf) der = { 0 };

		e = from_base64(json_array_get(list, i), &der);
		buf_add_field(ret, buf_bytes(&der));
	}
	return e ? e : buf_err(ret);
}

struct decoded {
	struct buf fields[ARRAY_LEN(fields)];
	struct buf chain;
};

static void decoded_clear(struct decoded *d)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		buf_clear(&d->fields[i]);
	buf_clear(&d->chain);
}

static enum inro_err decode(json_t *doc, struct buf *ret)
{
	SCOPED(decoded) d = { 0 };
	struct evidence v = { 0 };
	enum inro_err e = INRO_OK;

	if (json_integer_value(json_object_get(doc, "version")) != EVIDENCE_VERSION)
		return err_set(INRO_E_VERSION, "this is evidence of another version than %d",
			       EVIDENCE_VERSION);
	for (size_t i = 0; !e && i < ARRAY_LEN(fields); i++) {
		e = from_base64(json_object_get(doc, fields[i].name), &d.fields[i]);
		*field(&v, i) = buf_bytes(&d.fields[i]);
	}
	if (!e)
		e = read_chain(json_object_get(doc, "certificates"), &d.chain);
	v.chain = buf_bytes(&d.chain);
	return e ? e : evidence_write(&v, ret);
}

/* Also the whole answer of 'inro key attest --json', which has the evidence in it. */
static enum inro_err decode_any(json_t *doc, struct buf *ret)
{
	json_t *inner = json_object_get(doc, "evidence");
	const char *format;

	if (inner)
		doc = inner;
	format = json_string_value(json_object_get(doc, "format"));
	if (!format || strcmp(format, FORMAT) != 0)
		return err_set(INRO_E_SYNTAX, "this is no evidence of 'inro key attest'");
	return decode(doc, ret);
}

enum inro_err evidence_doc_read(const char *path, struct buf *ret)
{
	SCOPED(buf) text = { 0 };
	json_t *doc = NULL;
	enum inro_err e = file_read(path, EVIDENCE_DOC_MAX, &text);

	if (e)
		return e;
	doc = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	e = decode_any(doc, ret);
	json_decref(doc);
	return e ? err_context(e, "'%s'", path) : INRO_OK;
}
