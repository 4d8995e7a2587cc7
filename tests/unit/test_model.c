/*
 * Random walks beside a model of PKCS#11 (model.h).
 *
 * INRO_TEST_SEED=n walks that one walk, INRO_TEST_WALKS=n so many from another beginning each time;
 * INRO_TEST_CALLS=n is how long each is.
 */
#include "tests/model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/scratch.h"

#define WALKS 6
#define CALLS 500

static const struct {
	const struct call *calls;
	const size_t *n;
} groups[] = {
	{ session_calls, &session_calls_n },
	{ object_calls, &object_calls_n },
	{ search_calls, &search_calls_n },
	{ begin_calls, &begin_calls_n },
	{ op_calls, &op_calls_n },
	{ key_calls, &key_calls_n },
	{ dual_calls, &dual_calls_n },
	{ message_calls, &message_calls_n },
	{ state_calls, &state_calls_n },
};

/* ---- one call ---- */

static unsigned weight_of_all(void)
{
	unsigned sum = 0;

	for (size_t g = 0; g < ARRAY_LEN(groups); g++)
		for (size_t i = 0; i < *groups[g].n; i++)
			sum += groups[g].calls[i].weight;
	return sum;
}

static const struct call *draw_call(void)
{
	uint32_t at = chance_below(weight_of_all());

	for (size_t g = 0; g < ARRAY_LEN(groups); g++)
		for (size_t i = 0; i < *groups[g].n; i++) {
			if (at < groups[g].calls[i].weight)
				return &groups[g].calls[i];
			at -= groups[g].calls[i].weight;
		}
	return NULL;
}

static void step(void)
{
	draw_call()->make();
	look_at_sessions();
	search_anew();
	if (chance(6))
		search_all();
}

/* ---- a walk ---- */

static void clear_materials(void)
{
	for (size_t i = 0; i < world.materials_n; i++)
		oracle_free(world.materials[i].pkey);
	world.materials_n = 0;
}

/* Empty tokens with the PINs that they have at first. */
static void begin_anew(void)
{
	for (int i = 0; i < TOKENS; i++) {
		struct token *t = &world.tokens[i];
		CK_UTF8CHAR label[32];
		CK_SESSION_HANDLE s;

		memset(label, ' ', sizeof label);
		label[0] = (CK_UTF8CHAR)('a' + i);
		OK(subject.f->C_CloseAllSessions(t->slot));
		OK(subject.f->C_InitToken(t->slot, module_pin(SO_PIN), strlen(SO_PIN), label));
		OK(subject.f->C_OpenSession(t->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
					    &s));
		OK(module_login(s, CKU_SO, SO_PIN));
		OK(subject.f->C_InitPIN(s, module_pin(USER_PIN), strlen(USER_PIN)));
		OK(subject.f->C_CloseSession(s));
		*t = (struct token) { .slot = t->slot };
	}
	clear_materials();
	key_walks_begin();
	state_walks_begin();
	memset(world.sessions, 0, sizeof world.sessions);
	memset(world.objects, 0, sizeof world.objects);
	world.dead_sessions_n = world.dead_objects_n = 0;
}

static unsigned number_of(const char *variable, unsigned otherwise)
{
	const char *text = getenv(variable);

	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void walk(uint64_t seed)
{
	unsigned calls = number_of("INRO_TEST_CALLS", CALLS);

	begin_anew();
	say_begin(seed);
	for (unsigned i = 0; i < calls; i++)
		step();
	search_all();
	say_all();
	clear_materials();
}

static void walks(void **state)
{
	const char *seed = getenv("INRO_TEST_SEED");
	unsigned n = number_of("INRO_TEST_WALKS", 0);
	uint64_t first = n ? (uint64_t)time(NULL) * 1000003 : 1;

	(void)state;
	if (seed) {
		walk(strtoull(seed, NULL, 10));
		return;
	}
	for (unsigned i = 0; i < (n ? n : WALKS); i++)
		walk(first + i);
}

/* ---- who walks where ---- */

static CK_SLOT_ID new_token(const char *label)
{
	static const struct inro_text none;
	CK_SLOT_ID slot = 0;
	struct inro_new_token t = { .label = module_text(label),
				    .backend = subject.in_tpm ? module_text("tpm") : none,
				    .config = subject.in_tpm ? module_text("tcti=libtpms:\n") : none,
				    .so_pin = module_text(SO_PIN),
				    .user_pin = module_text(USER_PIN) };

	OK(p11_admin->create(&t, &slot));
	return slot;
}

static int setup(void **state)
{
	const char *tpm = getenv("INRO_TEST_TPM");

	if (module_setup(state))
		return 1;
	subject = (struct subject) { .f = p11, .f3 = p11_3, .ours = true, .in_tpm = tpm && *tpm };
	for (int i = 0; i < TOKENS; i++)
		world.tokens[i].slot = new_token(i ? "b" : "a");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks),
	};

	return cmocka_run_group_tests(tests, setup, module_teardown);
}
