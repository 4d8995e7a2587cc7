/* record_copy - one record as another; see record.h. */
#include "backoffice/store/record.h"

#include <string.h>

static enum inro_err copy_field(const struct field *f, const void *from, void *to)
{
	const char *at = (const char *)from + f->offset;
	char *into = (char *)to + f->offset;
	const char *text;
	struct blob blob;

	switch (f->kind) {
	case FIELD_INT:
	case FIELD_REF:
		memcpy(into, at, sizeof(int64_t));
		return INRO_OK;
	case FIELD_NAME:
		memcpy(into, at, sizeof(int));
		return INRO_OK;
	case FIELD_TEXT:
	case FIELD_SPARSE:
	case FIELD_PACKED:
		memcpy(&text, at, sizeof text);
		return text_set((char **)(void *)into, text);
	case FIELD_BLOB:
	case FIELD_MODEL:
	case FIELD_LIKE:
		memcpy(&blob, at, sizeof blob);
		return blob_set((struct blob *)(void *)into, blob_bytes(&blob));
	case FIELD_LENT:
		break;
	}
	return err_set(INRO_E_ARG, "what is lent is not kept");
}

enum inro_err record_copy(const struct record_type *t, const void *from, void *to)
{
	enum inro_err e = INRO_OK;

	memset(to, 0, t->size);
	for (size_t i = 0; e == INRO_OK && i < t->n; i++)
		e = copy_field(&t->fields[i], from, to);
	if (e != INRO_OK)
		record_clear(t, to);
	return e;
}
