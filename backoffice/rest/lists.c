/* lists - all rows, in the order in which they are shown, and the shapes that several share. */
#include "backoffice/rest/lists.h"

const struct rest_row *const rest_lists[] = {
	rest_device_rows, rest_cred_rows,   rest_secret_rows, rest_ca_rows, rest_other_rows, rest_check_rows,
	rest_people_rows, rest_work_rows, rest_self_rows, rest_attest_rows, NULL,
};

const struct rest_shape rest_event = {
	"Event", FIELDS(OUT_COUNT("id"), OUT_TIME("at"), OUT_TEXT("actor"), OUT_TEXT("action"),
			OUT_TEXT("subject"), OUT_HAS("outcome"), OUT_OBJECT("detail"), OUT_TEXT("hash"))
};
const struct rest_shape rest_verified = { "Verified", FIELDS(OUT_HAS("id"), OUT_BOOL("verified")) };
