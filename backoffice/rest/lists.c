/* lists - all rows, in the order in which they are shown, and the shapes that several share. */
#include "backoffice/rest/lists.h"

#include <string.h>

const struct rest_row *const rest_lists[] = {
	rest_device_rows, rest_cred_rows,   rest_secret_rows, rest_ca_rows, rest_other_rows, rest_check_rows,
	rest_people_rows, rest_work_rows, rest_self_rows, rest_attest_rows, NULL,
};

const struct rest_shape rest_event = {
	"Event", FIELDS(OUT_COUNT("id"), OUT_TIME("at"), OUT_TEXT("actor"), OUT_TEXT("action"),
			OUT_TEXT("subject"), OUT_HAS("outcome"), OUT_OBJECT("detail"), OUT_TEXT("hash"))
};
const struct rest_shape rest_verified = { "Verified", FIELDS(OUT_HAS("id"), OUT_BOOL("verified")) };

static bool is_gap(char c)
{
	return c == ' ' || c == '-';
}

/* "ca crl-import" is "ca-crl-import" as an operationId: who has that one alone can't tell which was a blank. */
static bool is_called(const char *command, const char *as)
{
	while (*command && (*command == *as || (is_gap(*command) && is_gap(*as))))
		command++, as++;
	return *command == *as;
}

const struct rest_row *rest_row_of(const char *command)
{
	for (size_t l = 0; command && rest_lists[l]; l++)
		for (const struct rest_row *row = rest_lists[l]; row->method; row++)
			if (is_called(row->command, command))
				return row;
	return NULL;
}

/* Not one with a secret: what opens one takes a token, and no transaction waits for that. */
const struct rest_row *rest_reading_row(const struct rest_row *of)
{
	for (size_t l = 0; rest_lists[l]; l++)
		for (const struct rest_row *row = rest_lists[l]; row->method; row++)
			if (strcmp(row->method, "GET") == 0 && !(row->flags & (REST_LIST | REST_EXPORT | REST_SECRET)) &&
			    strcmp(row->pattern, of->pattern) == 0)
				return row;
	return NULL;
}
