/*
 * curl - libcurl, loaded when the agent first speaks to its service.
 *
 * Nothing of ours is linked with it, and what it brings along (LDAP, Kerberos, HTTP/2 …) is in no
 * program that does not use it.  Only what is in CURL_FUNCTIONS is used, all or none.
 */
#ifndef INRO_BACKOFFICE_FETCH_CURL_H
#define INRO_BACKOFFICE_FETCH_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/library.h"

#define CURL_FUNCTIONS(X)                                                                          \
	X(curl_global_init)                                                                        \
	X(curl_easy_init)                                                                          \
	X(curl_easy_setopt)                                                                        \
	X(curl_easy_perform)                                                                       \
	X(curl_easy_getinfo)                                                                       \
	X(curl_easy_strerror)                                                                       \
	X(curl_easy_cleanup)                                                                       \
	X(curl_slist_append) X(curl_slist_free_all)

struct curl_calls {
	LIBRARY_MEMBERS(CURL_FUNCTIONS)
};

/* INRO_E_CONFIG says what to install. */
MUST_CHECK enum inro_err curl_load(const struct curl_calls **ret);

#endif
