/* sql_load - columns are read into records; see sql.h. */
#include <string.h>

#include "backoffice/store/delta.h"
#include "backoffice/store/pack.h"
#include "backoffice/store/sql.h"

static enum inro_err load_packed(const char *packed, char **at)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e = unpack_text(text_or_empty(packed), &text);

	return e == INRO_OK ? text_set(at, (const char *)text.p) : e;
}

static enum inro_err load_like(const struct field *f, struct bytes told, void *r)
{
	SCOPED(buf) plain = { 0 };
	enum inro_err e = delta_read(field_model(f, r), told, &plain);

	return e == INRO_OK ? blob_set((void *)((char *)r + f->offset), buf_bytes(&plain)) : e;
}

enum inro_err sql_field_load(const struct field *f, const struct sql_value *v, void *r)
{
	void *at = (char *)r + f->offset;
	int name;

	switch (f->kind) {
	case FIELD_INT:
	case FIELD_REF:
		memcpy(at, &v->number, sizeof v->number);
		return INRO_OK;
	case FIELD_TEXT:
	case FIELD_SPARSE:
		return text_set(at, v->text);
	case FIELD_BLOB:
	case FIELD_MODEL:
		return blob_set(at, v->bytes);
	case FIELD_LIKE:
		return load_like(f, v->bytes, r);
	case FIELD_PACKED:
		return load_packed(v->text, at);
	case FIELD_LENT:
		memcpy(at, &v->bytes, sizeof v->bytes);
		return INRO_OK;
	case FIELD_NAME:
		break;
	}
	name = name_index(f->names, f->names_n, v->text);
	if (name < 0)
		return err_set(INRO_E_DAMAGED, "the database has the unknown %s '%s'", f->name,
			       v->text);
	memcpy(at, &name, sizeof name);
	return INRO_OK;
}
