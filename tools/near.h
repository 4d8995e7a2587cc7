/* near - the known word that a mistyped one probably meant. */
#ifndef INRO_TOOLS_NEAR_H
#define INRO_TOOLS_NEAR_H

struct near {
	const char *typed;
	const char *best; /* NULL: nothing is near enough */
	const char *part; /* the first that has what was typed in it, which counts where nothing is near */
	unsigned distance;
};

struct near near_to(const char *typed);
void near_try(struct near *n, const char *known);
/* "; did you mean 'create'?", or "" when nothing is near.  Thread-local room. */
const char *near_question(const struct near *n);

/* Letters inserted, dropped, replaced or swapped with their neighbour. */
unsigned near_distance(const char *a, const char *b);

#endif
