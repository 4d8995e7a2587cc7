/* curl - see curl.h. */
#include "tools/agent/curl.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "base/own.h"

/* The one with OpenSSL below it: the client's key comes from the provider. */
#define CURL_LIBRARY "libcurl.so.4"

static const struct {
	const char *name;
	size_t at;
} functions[] = {
#define CURL_ROW(name) { #name, offsetof(struct curl_calls, name) },
	CURL_FUNCTIONS(CURL_ROW)
#undef CURL_ROW
};

static enum inro_err unusable(const char *why)
{
	return err_set(INRO_E_CONFIG, "libcurl can't be used (%s); install libcurl4",
		       why ? why : CURL_LIBRARY);
}

static enum inro_err look_up(void *library, struct curl_calls *calls)
{
	for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
		void *f = dlsym(library, functions[i].name);

		if (!f)
			return unusable(functions[i].name);
		memcpy((char *)calls + functions[i].at, &f, sizeof f);
	}
	return INRO_OK;
}

enum inro_err curl_load(const struct curl_calls **ret)
{
	static struct curl_calls loaded;
	void *library;
	enum inro_err e;

	if (!loaded.curl_global_init) {
		struct curl_calls calls;

		library = dlopen(CURL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
		e = library ? look_up(library, &calls) : unusable(dlerror());
		if (e != INRO_OK)
			return e;
		if (calls.curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
			return unusable("it does not start");
		loaded = calls;
	}
	*ret = &loaded;
	return INRO_OK;
}
