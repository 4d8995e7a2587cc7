/* event - an event of the audit as a document. */
#include "backoffice/show/doc.h"

/* For people; a program gets what was written. */
static void tell_times(json_t *detail)
{
	static const char *const times[] = { "not_after", "next_update", "invalid_at" };
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		json_t *at = json_object_get(detail, times[i]);
		if (json_is_integer(at))
			json_object_set_new(detail, times[i], json_of_time(json_integer_value(at)));
	}
}

json_t *json_of_event(const struct event *ev, bool for_people)
{
	json_t *detail = ev->detail ? json_loads(ev->detail, 0, NULL) : NULL;
	if (for_people)
		tell_times(detail);
	return json_pack("{s:I s:o s:o s:o s:o s:s s:o s:o}", "id", (json_int_t)ev->id, "at",
			 json_of_time(ev->at_ms / 1000), "actor", json_of_text(ev->actor), "action",
			 json_of_text(ev->action), "subject", json_of_text(ev->subject), "outcome",
			 event_outcome_names[ev->outcome], "detail", detail ? detail : json_null(),
			 "hash", json_of_hex(blob_bytes(&ev->hash)));
}
