/* verify_at - see verify_at.h. */
#include "base/libcrypto/verify_at.h"

#include <time.h>

void verify_at(X509_VERIFY_PARAM *p, int64_t when)
{
	if (sizeof(time_t) == sizeof(int32_t) && when > INT32_MAX)
		when = INT32_MAX;
	X509_VERIFY_PARAM_set_time(p, (time_t)when);
}
