/* anchor_told - see anchor_told.h. */
#include "tools/anchor_told.h"

#define KEPT 100

void anchor_told_add(json_t *list, json_t *item)
{
	if (json_array_size(list) < KEPT)
		json_array_append_new(list, item);
	else
		json_decref(item);
}

static const char *member(const json_t *item, const char *name)
{
	return json_string_value(json_object_get(item, name));
}

/* What an earlier run of a job has told is not in the list. */
json_t *anchor_told_words(int64_t n, const json_t *list)
{
	const json_t *first = json_array_get(list, 0);
	const char *verb = n == 1 ? "has" : "have";
	if (!n)
		return json_string("");
	if (!first)
		return json_sprintf("; %lld %s the trust anchor of a deleted device", (long long)n, verb);
	return json_sprintf("; %lld %s the trust anchor of a deleted device, as '%s' has that of '%s' "
			    "(--json lists them)",
			    (long long)n, verb, member(first, "id"), member(first, "before"));
}
