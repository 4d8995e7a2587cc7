#include "tools/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define BETWEEN_MS 200

void progress_start(struct progress *p, const char *what, size_t total)
{
	*p = (struct progress) { .what = what, .total = total, .since_ms = clock_monotonic_ms() };
	p->on = isatty(STDERR_FILENO);
}

void progress_from(struct progress *p, size_t done)
{
	p->from = done;
}

void progress_at(struct progress *p, size_t done)
{
	int64_t now = clock_monotonic_ms();
	double seconds = (double)(now - p->since_ms) / 1e3, rate;
	if (!p->on || now - p->shown_ms < BETWEEN_MS)
		return;
	p->shown_ms = now;
	rate = seconds > 0 ? (double)(done - p->from) / seconds : 0;
	fprintf(stderr, "\r\033[K%zu", done);
	if (p->total)
		fprintf(stderr, " of %zu", p->total);
	fprintf(stderr, " %s, %.0f a second", p->what, rate);
	if (p->total > done && rate > 0)
		fprintf(stderr, ", %.0f s left", (double)(p->total - done) / rate);
	fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->on)
		fprintf(stderr, "\r\033[K");
	p->on = false;
}
