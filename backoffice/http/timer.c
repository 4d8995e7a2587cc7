/* timer - see timer.h. */
#include "backoffice/http/timer.h"

#include <sys/time.h>

#define DAY_MS (INT64_C(86400) * 1000) /* nothing waits longer here */

void timer_start(struct event *timer, int64_t ms)
{
	long whole = (long)(ms < DAY_MS ? ms : DAY_MS);
	struct timeval tv = { .tv_sec = whole / 1000, .tv_usec = whole % 1000 * 1000 };

	event_add(timer, &tv);
}
