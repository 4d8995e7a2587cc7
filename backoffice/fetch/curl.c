/* curl - see curl.h. */
#include "backoffice/fetch/curl.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo

#include <pthread.h>

#include "base/own.h"

#define CURL_ROW(name) LIBRARY_ROW(struct curl_calls, name)

static const struct library_row functions[] = { CURL_FUNCTIONS(CURL_ROW) };
/* The one with OpenSSL below it: the client's key comes from the provider. */
static const struct library library = { .file = "libcurl.so.4",
					.what = "libcurl",
					.remedy = "libcurl4",
					.rows = functions,
					.n = ARRAY_LEN(functions) };

static struct curl_calls loaded;

static enum inro_err load_once(void)
{
	struct curl_calls calls;
	enum inro_err e;

	if (loaded.curl_global_init)
		return INRO_OK;
	e = library_load(&library, &calls);
	if (e != INRO_OK)
		return e;
	if (calls.curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
		return err_set(INRO_E_CONFIG, "libcurl does not start");
	loaded = calls;
	return INRO_OK;
}

enum inro_err curl_load(const struct curl_calls **ret)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	enum inro_err e;

	pthread_mutex_lock(&lock);
	e = load_once();
	pthread_mutex_unlock(&lock);
	if (e == INRO_OK)
		*ret = &loaded;
	return e;
}
