/* gate - see gate.h. */
#include "provider/gate.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/process.h"
#include "provider/prov.h"

#define WATCHED	   256
#define WAIT_TURNS 200 /* of 1 ms */

static _Atomic uint64_t inside; /* process << 32 | how many of it */
static _Thread_local uint64_t depth; /* process << 32 | how often this thread is */
static atomic_bool shut, let_go;
static _Atomic(struct prov *) watched[WATCHED];

static uint64_t this_process(void)
{
	return (uint64_t)process_id() << 32;
}

/* What was counted before a fork is not counted here, not even of the thread that forked. */
static uint32_t counted(uint64_t count)
{
	return (count ^ this_process()) >> 32 == 0 ? (uint32_t)count : 0;
}

enum inro_err gate_enter(void)
{
	uint64_t now = atomic_load(&inside), next;

	do {
		next = this_process() | (counted(now) + 1);
	} while (!atomic_compare_exchange_weak(&inside, &now, next));
	depth = this_process() | (counted(depth) + 1);
	if (!atomic_load(&shut))
		return INRO_OK;
	gate_leave();
	return err_set(INRO_E_STATE, "the process is ending: its keys in tokens can't be used any "
				     "more");
}

void gate_leave(void)
{
	uint64_t now = atomic_load(&inside);

	if (counted(depth) == 0)
		return; /* it came in before a fork, and another thread may be inside by now */
	depth--;
	while (counted(now) > 0 && !atomic_compare_exchange_weak(&inside, &now, now - 1))
		;
}

bool gate_is_open(void)
{
	return counted(depth) == 0 && !atomic_load(&shut);
}

static bool is_empty(void)
{
	return counted(atomic_load(&inside)) == 0;
}

static bool wait_until_empty(void)
{
	static const struct timespec nap = { .tv_nsec = 1000000 };

	for (int i = 0; i < WAIT_TURNS && !is_empty(); i++)
		nanosleep(&nap, NULL);
	return is_empty();
}

static void shut_and_let_go(void)
{
	if (atomic_exchange(&shut, true) || !wait_until_empty())
		return;
	for (size_t i = 0; i < WATCHED; i++) {
		struct prov *p = atomic_exchange(&watched[i], NULL);

		if (p)
			prov_let_go(p);
	}
	atomic_store(&let_go, true);
}

/* Handlers run in the reverse order of their making: this one before those of a module that was
 * loaded before.  One for each module is enough: it is never unloaded. */
static void shut_before(const void *module)
{
	static _Atomic(const void *) modules[8];

	for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
		const void *known = NULL;

		if (atomic_compare_exchange_strong(&modules[i], &known, module))
			break;
		if (known == module)
			return;
	}
	(void)atexit(shut_and_let_go);
}

void gate_watch(struct prov *p)
{
	for (size_t i = 0; i < WATCHED; i++) {
		struct prov *none = NULL;

		if (atomic_compare_exchange_strong(&watched[i], &none, p))
			break;
	}
	shut_before(ck_module_functions(atomic_load(&p->module)));
}

bool gate_unwatch(struct prov *p)
{
	for (size_t i = 0; i < WATCHED; i++) {
		struct prov *it = p;

		if (atomic_compare_exchange_strong(&watched[i], &it, NULL))
			return true;
	}
	/* It never loaded a module, or was let go. */
	return !atomic_load(&shut) || atomic_load(&let_go);
}
