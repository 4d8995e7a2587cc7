/* inherit - see inherit.h. */
#include "base/inherit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/process.h"

struct inherit_note {
	struct inherit_note *before; /* so that nothing is out of reach */
	pid_t process;
	char text[];
};

const char *inherited(const struct inherit *i)
{
	const struct inherit_note *n = atomic_load_explicit(&i->latest, memory_order_acquire);

	return n && n->process != process_id() ? n->text : NULL;
}

const char *inherit_text(const struct inherit *i, const char *text)
{
	const struct inherit_note *n = atomic_load(&i->latest);

	while (n && strcmp(n->text, text) != 0)
		n = n->before;
	return n ? n->text : NULL;
}

enum inro_err inherit_leave(struct inherit *i, const char *text)
{
	struct inherit_note *last = atomic_load(&i->latest), *n;

	if (last && strcmp(last->text, text) == 0)
		return INRO_OK;
	n = malloc(sizeof *n + strlen(text) + 1);
	if (!n)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	n->process = process_id();
	memcpy(n->text, text, strlen(text) + 1);
	do {
		n->before = last;
	} while (!atomic_compare_exchange_weak(&i->latest, &last, n));
	return INRO_OK;
}
