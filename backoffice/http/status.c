/* status - see status.h; the border between our errors and HTTP's. */
#include "backoffice/http/status.h"

#include "backoffice/http/http.h"

const struct status statuses[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 422, "Unprocessable Content" },
	{ 428, "Precondition Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
	{ 0, "Status" },
};

_Static_assert(ARRAY_LEN(statuses) <= STATUS_KNOWN_MAX, "the counts have a place for each");

size_t status_count(void)
{
	return ARRAY_LEN(statuses);
}

size_t status_index(int code)
{
	size_t i = 0;

	while (statuses[i].code && statuses[i].code != code)
		i++;
	return i;
}

const char *status_phrase(int code)
{
	return statuses[status_index(code)].phrase;
}

/* What is not named here is 500: ours, and told to the log alone.  PINs are those of the server's own tokens. */
static const short status_of[INRO_E__MAX] = {
	[INRO_E_ARG] = 400,	    [INRO_E_SYNTAX] = 400,	[INRO_E_TOO_BIG] = 413,
	[INRO_E_TOO_SMALL] = 400,   [INRO_E_NOT_FOUND] = 404,	[INRO_E_AMBIGUOUS] = 409,
	[INRO_E_EXISTS] = 409,	    [INRO_E_UNSUPPORTED] = 422, [INRO_E_STATE] = 409,
	[INRO_E_POLICY] = 422,	    [INRO_E_SIGNATURE] = 422,	[INRO_E_ACCESS] = 403,
	[INRO_E_FULL] = 503,	    [INRO_E_BUSY] = 503,	[INRO_E_LOGIN] = 401,
	[INRO_E_APPROVAL] = 202,    [INRO_E_PUBLIC_KEY] = 422,	[INRO_E_KEY_SIZE] = 422,
	[INRO_E_KEY_TYPE] = 422,    [INRO_E_CURVE] = 422,	[INRO_E_PIN_WEAK] = 422,
	[INRO_E_PIN_FORMAT] = 422,  [INRO_E_CANCELLED] = 409,
};

int http_status_of(enum inro_err e)
{
	int status = (unsigned)e < INRO_E__MAX ? status_of[e] : 0;

	return e == INRO_OK ? 200 : status ? status : 500;
}
