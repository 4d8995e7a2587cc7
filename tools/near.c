/* near - optimal string alignment distance over short words. */
#include "tools/near.h"

#include <stdio.h>
#include <string.h>

#define NEAR_MAX 40
#define PART_MIN 3

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

unsigned near_distance(const char *a, const char *b)
{
	unsigned row[3][NEAR_MAX + 1];
	size_t n = strlen(a), m = strlen(b);
	if (n > NEAR_MAX || m > NEAR_MAX)
		return NEAR_MAX;
	unsigned *before = row[0], *above = row[1], *here = row[2];
	for (unsigned j = 0; j <= m; j++)
		above[j] = before[j] = j;
	for (unsigned i = 1; i <= n; i++) {
		here[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			unsigned swap = a[i - 1] != b[j - 1];
			here[j] = least(above[j] + 1, here[j - 1] + 1, above[j - 1] + swap);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				here[j] = least(here[j], before[j - 2] + 1, NEAR_MAX);
		}
		unsigned *spare = before;
		before = above;
		above = here;
		here = spare;
	}
	return above[m];
}

struct near near_to(const char *typed)
{
	size_t n = strlen(typed);
	unsigned bound = n <= 3 ? 1 : n < 6 ? 2 : 3;
	return (struct near) { .typed = typed, .distance = bound + 1 };
}

void near_try(struct near *n, const char *known)
{
	unsigned d = near_distance(n->typed, known);

	if (!n->part && strlen(n->typed) >= PART_MIN && strstr(known, n->typed))
		n->part = known;
	if (d >= n->distance || d >= strlen(known))
		return;
	n->distance = d;
	n->best = known;
}

const char *near_question(const struct near *n)
{
	static _Thread_local char room[NEAR_MAX + 32];
	room[0] = '\0';
	if (n->best || n->part)
		snprintf(room, sizeof room, "; did you mean '%s'?", n->best ? n->best : n->part);
	return room;
}
