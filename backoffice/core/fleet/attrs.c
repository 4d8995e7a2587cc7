/* attrs - the free fields of a device: one flat JSON object, bounded. */
#include <string.h>

#include "backoffice/core/fleet.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/json.h"

#define NAME_MAX_BYTES 64

static enum inro_err check_member(const char *name, json_t *value)
{
	const char *text = json_string_value(value);
	enum inro_err e = core_check_text("an attribute's name", name, NAME_MAX_BYTES);

	if (e == INRO_OK && !*name)
		e = err_set(INRO_E_ARG, "an attribute has a name");
	if (e == INRO_OK && (json_is_object(value) || json_is_array(value)))
		e = err_set(INRO_E_ARG, "attribute '%s' is a text, a number, true or false", name);
	if (e == INRO_OK && text && strlen(text) != json_string_length(value))
		e = err_set(INRO_E_ARG, "attribute '%s' has a NUL in it", name);
	return e == INRO_OK && text ? core_check_text("an attribute", text, DEVICE_FIELD_MAX) : e;
}

static enum inro_err set_member(json_t *all, const char *name, json_t *value)
{
	enum inro_err e = check_member(name, value);

	if (e != INRO_OK)
		return e;
	if (json_is_null(value))
		(void)json_object_del(all, name); /* there may be none */
	else if (json_object_set(all, name, value) != 0)
		return err_set(INRO_E_NO_MEMORY, "no memory for attributes");
	return INRO_OK;
}

static enum inro_err write_attrs(const json_t *all, char **ret)
{
	AUTO(free_chars) char *text = NULL;
	enum inro_err e;

	if (json_object_size(all) > DEVICE_ATTRS_COUNT)
		return err_set(INRO_E_TOO_BIG, "a device has up to %d attributes",
			       DEVICE_ATTRS_COUNT);
	e = json_object_write(all, &text);
	if (e == INRO_OK && strlen(text) > DEVICE_ATTRS_MAX)
		e = err_set(INRO_E_TOO_BIG, "a device's attributes have up to %d bytes",
			    DEVICE_ATTRS_MAX);
	if (e == INRO_OK && json_object_size(all))
		e = text_set(ret, text);
	return e;
}

enum inro_err attrs_merge(const char *was, const char *given, char **ret)
{
	AUTO(json_drop) json_t *all = NULL;
	AUTO(json_drop) json_t *more = NULL;
	enum inro_err e = json_object_read("the attributes on record", was && *given ? was : "{}",
					   DEVICE_ATTRS_MAX, &all);

	if (e == INRO_OK)
		e = json_object_read("the attributes", *given ? given : "{}", DEVICE_ATTRS_MAX,
				     &more);
	for (void *at = e == INRO_OK ? json_object_iter(more) : NULL; e == INRO_OK && at;
	     at = json_object_iter_next(more, at))
		e = set_member(all, json_object_iter_key(at), json_object_iter_value(at));
	return e == INRO_OK ? write_attrs(all, ret) : e;
}

enum inro_err attrs_value(const char *attrs, const char *name, struct buf *ret)
{
	AUTO(json_drop) json_t *all = NULL;
	const json_t *value = NULL;
	enum inro_err e = INRO_OK;

	if (attrs && *attrs)
		e = json_object_read("the attributes on record", attrs, DEVICE_ATTRS_MAX, &all);
	if (e == INRO_OK)
		value = json_object_get(all, name);
	if (!value)
		return e;
	buf_add_json_text(ret, value);
	buf_add_u8(ret, 0);
	return buf_err(ret);
}
