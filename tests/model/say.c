/* say - chance, the log of a walk, and sets of answers. */
#include "tests/model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cryptoki/mechname.h"

/* ---- chance: splitmix64 ---- */

static uint64_t chance_state;

static uint64_t next(void)
{
	uint64_t z = (chance_state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void chance_begin(uint64_t seed)
{
	chance_state = seed;
}

uint32_t chance_below(uint32_t n)
{
	return (uint32_t)((next() >> 32) % n);
}

bool chance(unsigned percent)
{
	return chance_below(100) < percent;
}

void chance_fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)next();
}

/* ---- the log ---- */

#define LOG_MAX (1 << 20)

static char log_text[LOG_MAX];
static size_t log_n;
static uint64_t log_seed;

void say_begin(uint64_t seed)
{
	log_seed = seed;
	log_n = 0;
	log_text[0] = '\0';
	chance_begin(seed);
}

void say(const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(log_text + log_n, LOG_MAX - log_n, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < LOG_MAX - log_n)
		log_n += (size_t)n;
}

/* The last lines. */
static const char *tail(int lines)
{
	const char *p = log_text + log_n;

	while (p > log_text && lines > 0)
		if (*--p == '\n')
			lines--;
	return p;
}

void say_all(void)
{
	if (getenv("INRO_TEST_TELL"))
		fputs(log_text, stdout);
}

void say_wrong(const char *format, ...)
{
	const char *lines = getenv("INRO_TEST_LINES");
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	fprintf(stderr, "%s\n--- wrong: %s\n", tail(lines ? atoi(lines) : 40), text);
	fprintf(stderr, "--- again: INRO_TEST_SEED=%" PRIu64 " (INRO_TEST_LINES=n for more lines)\n",
		log_seed);
	fail();
	abort();
}

/* ---- answers ---- */

void may_be(struct answers *a, CK_RV rv)
{
	if (a->n < ARRAY_LEN(a->rv))
		a->rv[a->n++] = rv;
}

static const char *name_of(CK_RV rv)
{
	const char *name = cryptoki_rv_name(rv);

	return name ? name : "?";
}

static bool is_right(const struct answers *a, CK_RV rv)
{
	if (rv == CKR_OK)
		return a->n == 0 || a->also_ok;
	for (size_t i = 0; i < a->n; i++)
		if (a->rv[i] == rv)
			return true;
	return false;
}

bool answered(const struct answers *a, CK_RV rv)
{
	char want[512] = "CKR_OK";
	size_t at = a->n && !a->also_ok ? 0 : 6;

	say(" -> %s\n", name_of(rv));
	if (is_right(a, rv))
		return rv == CKR_OK;
	for (size_t i = 0; i < a->n && at < sizeof want - 64; i++)
		at += (size_t)snprintf(want + at, sizeof want - at, " %s", name_of(a->rv[i]));
	say_wrong("%s (%s); right:%s", name_of(rv), subject.ours ? p11_admin->last_error() : "", want);
}

/* ---- picks ---- */

struct session *pick_session(CK_SESSION_HANDLE *ret_h, struct answers *a)
{
	struct session *open[SESSIONS];
	size_t n = 0;

	for (size_t i = 0; i < SESSIONS; i++)
		if (world.sessions[i].open)
			open[n++] = &world.sessions[i];
	if (n == 0)
		return NULL;
	struct session *s = open[chance_below((uint32_t)n)];

	*ret_h = s->h;
	if (world.dead_sessions_n > 0 && chance(1)) {
		*ret_h = world.dead_sessions[chance_below((uint32_t)world.dead_sessions_n)];
		may_be(a, CKR_SESSION_HANDLE_INVALID);
	}
	return s;
}

/* By the odds: one of the token, one that can't be meant. */
static struct object *any_object(const struct session *s, unsigned kinds, bool all)
{
	struct object *fit[OBJECTS];
	size_t n = 0;

	for (size_t i = 0; i < OBJECTS; i++) {
		struct object *o = &world.objects[i];
		bool seen = o->token == s->token && model_visible(o);

		if (o->alive && o->h && (kinds & IS(o->kind)) && (all || seen))
			fit[n++] = o;
	}
	return n ? fit[chance_below((uint32_t)n)] : NULL;
}

static CK_OBJECT_HANDLE no_object(void)
{
	if (world.dead_objects_n > 0 && chance(80))
		return world.dead_objects[chance_below((uint32_t)world.dead_objects_n)];
	return chance(50) ? CK_INVALID_HANDLE : 0x7fffff;
}

struct object *pick_object(const struct session *s, unsigned kinds, CK_RV none, CK_OBJECT_HANDLE *ret_h,
			   struct answers *a)
{
	bool wrong = chance(4);
	struct object *o = wrong ? NULL : any_object(s, kinds, chance(4));

	*ret_h = o ? o->h : no_object();
	if (o && o->token == s->token && model_visible(o))
		return o;
	may_be(a, none);
	a->idle = !o && !wrong && chance(90);
	return NULL;
}

struct object *pick_key(const struct session *s, unsigned kinds, unsigned flag, CK_RV none,
			CK_OBJECT_HANDLE *ret_h, struct answers *a)
{
	struct answers before = *a;
	struct object *o = pick_object(s, kinds, none, ret_h, a);

	for (int i = 0; i < 8 && o && (o->flags & flag) != flag; i++) {
		*a = before;
		o = pick_object(s, kinds, none, ret_h, a);
	}
	return o;
}
