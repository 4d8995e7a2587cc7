/* walk_search - C_FindObjects: PKCS#11 3.2 5.7.7 to 5.7.9. */
#include "tests/model/model.h"

#include <string.h>

/* ---- the model's own search ---- */

static bool has_value(const struct object *o, const CK_ATTRIBUTE *a)
{
	uint8_t value[64];
	size_t n;

	if (a->type == CKA_VALUE && model_has_secret(o))
		return false; /* a secret is never compared */
	return model_attribute(o, a->type, value, &n) && n == a->ulValueLen &&
	       (n == 0 || memcmp(value, a->pValue, n) == 0);
}

static bool fits(const struct session *s, const struct object *o, const struct form *f)
{
	bool fit = o->alive && o->h && o->token == s->token && model_visible(o);

	for (CK_ULONG i = 0; fit && i < f->n; i++)
		fit = has_value(o, &f->a[i]);
	return fit;
}

/* Profiles and mechanisms, which a token has of itself. */
static bool is_tokens_own(const struct session *s, CK_OBJECT_HANDLE h)
{
	CK_OBJECT_CLASS class = 0;
	CK_ATTRIBUTE a = { CKA_CLASS, &class, sizeof class };

	return subject.f->C_GetAttributeValue(s->h, h, &a, 1) == CKR_OK &&
	       (class == CKO_PROFILE || class == CKO_MECHANISM);
}

static CK_ULONG run_search(const struct session *s, struct form *f, CK_OBJECT_HANDLE *out)
{
	CK_ULONG n = 0;
	CK_RV rv = subject.f->C_FindObjectsInit(s->h, f->a, f->n);

	RIGHT(rv == CKR_OK, "a search of the test's own fails: 0x%lx", rv);
	rv = subject.f->C_FindObjects(s->h, out, FOUND_MAX, &n);
	RIGHT(rv == CKR_OK && n < FOUND_MAX, "a search of the test's own fails: 0x%lx", rv);
	rv = subject.f->C_FindObjectsFinal(s->h);
	RIGHT(rv == CKR_OK, "a search of the test's own does not end: 0x%lx", rv);
	return n;
}

static struct session *free_session(int token)
{
	for (size_t i = 0; i < SESSIONS; i++) {
		struct session *s = &world.sessions[i];

		if (s->open && s->token == token && !s->search.on)
			return s;
	}
	return NULL;
}

/* ---- handles anew ---- */

static void look_up(const struct session *s, struct object *o)
{
	CK_OBJECT_HANDLE found[FOUND_MAX];
	struct form f = { 0 };

	form_label(&f, o);
	CK_ULONG n = run_search(s, &f, found);

	RIGHT(n == 1, "m%u is found %lu times", o->number, n);
	RIGHT(!model_find_handle(found[0]), "m%u has another's handle", o->number);
	o->h = found[0];
	say("   m%u is %lu now\n", o->number, o->h);
	look_at_object(s, o);
}

void search_anew(void)
{
	for (size_t i = 0; i < OBJECTS; i++) {
		struct object *o = &world.objects[i];
		struct session *s = o->alive && !o->h ? free_session(o->token) : NULL;

		if (s && model_visible(o))
			look_up(s, o);
	}
}

static void all_of(const struct session *s, bool in_token)
{
	CK_OBJECT_HANDLE found[FOUND_MAX];
	struct form f = { 0 };

	form_flag(&f, CKA_TOKEN, in_token);
	CK_ULONG n = run_search(s, &f, found);

	for (size_t i = 0; i < OBJECTS; i++) {
		const struct object *o = &world.objects[i];
		size_t times = 0;

		for (CK_ULONG k = 0; k < n; k++)
			times += o->h == found[k];
		if (fits(s, o, &f))
			RIGHT(times == 1, "m%u (%lu) is found %zu times", o->number, o->h, times);
	}
	for (CK_ULONG k = 0; k < n; k++) {
		const struct object *o = model_find_handle(found[k]);

		RIGHT((o && fits(s, o, &f)) || is_tokens_own(s, found[k]),
		      "a search finds %lu, which is not there", found[k]);
	}
}

void search_all(void)
{
	search_anew();
	for (int token = 0; token < TOKENS; token++) {
		struct session *s = free_session(token);

		if (!s)
			continue;
		all_of(s, true);
		all_of(s, false);
		for (size_t i = 0; i < OBJECTS; i++) {
			const struct object *o = &world.objects[i];

			if (fits(s, o, &(struct form) { 0 }))
				look_at_object(s, o);
		}
	}
}

/* ---- the calls ---- */

/* An attribute as some object has it, so that something is found. */
static void add_wanted(struct form *f)
{
	static const CK_ATTRIBUTE_TYPE types[] = { CKA_CLASS, CKA_KEY_TYPE,  CKA_LABEL,
						   CKA_ID,    CKA_VALUE_LEN, CKA_KEY_GEN_MECHANISM };
	const struct object *o = &world.objects[chance_below(OBJECTS)];
	CK_ATTRIBUTE_TYPE type = types[chance_below(ARRAY_LEN(types))];
	uint8_t value[64];
	size_t n;

	if (chance(40))
		type = model_flags[chance_below((uint32_t)model_flags_n)].type;
	if (o->alive && o->kind == K_DATA && chance(30))
		type = CKA_VALUE;
	if (!o->alive || !model_attribute(o, type, value, &n))
		return;
	for (CK_ULONG i = 0; i < f->n; i++)
		if (f->a[i].type == type)
			return;
	say(" 0x%lx", type);
	form_bytes(f, type, value, n);
}

static void begin(void)
{
	struct answers a = { 0 };
	struct form f = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = pick_session(&h, &a);

	if (!s)
		return;
	say("C_FindObjectsInit %lu", h);
	for (uint32_t i = chance_below(4); i > 0; i--)
		add_wanted(&f);
	if (s->search.on)
		may_be(&a, CKR_OPERATION_ACTIVE);
	if (!answered(&a, subject.f->C_FindObjectsInit(h, f.a, f.n)))
		return;
	s->search = (struct search) { .on = true };
	for (size_t i = 0; i < OBJECTS; i++)
		if (fits(s, &world.objects[i], &f))
			s->search.left[s->search.n++] = world.objects[i].h;
}

static bool take_out(struct search *f, CK_OBJECT_HANDLE h)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->left[i] != h)
			continue;
		f->left[i] = f->left[--f->n];
		return true;
	}
	return false;
}

/* Most often a session that is searching. */
static struct session *pick_search(CK_SESSION_HANDLE *ret_h, struct answers *a)
{
	struct session *s = pick_session(ret_h, a);

	for (int i = 0; s && a->n == 0 && !s->search.on && i < 5; i++)
		s = pick_session(ret_h, a);
	return s && !s->search.on && chance(70) ? NULL : s;
}

/* The objects that were there when the search began: ours settles them then. */
static void go_on(void)
{
	struct answers a = { 0 };
	CK_OBJECT_HANDLE found[FOUND_MAX];
	CK_SESSION_HANDLE h;
	CK_ULONG n = 0, max = chance(50) ? chance_below(4) : FOUND_MAX;
	struct session *s = pick_search(&h, &a);

	if (!s)
		return;
	if (!s->search.on)
		may_be(&a, CKR_OPERATION_NOT_INITIALIZED);
	say("C_FindObjects %lu for %lu", h, max);
	if (!answered(&a, subject.f->C_FindObjects(h, found, max, &n)))
		return;
	RIGHT(n <= max, "%lu handles, where there is room for %lu", n, max);
	for (CK_ULONG i = 0; i < n; i++)
		RIGHT(take_out(&s->search, found[i]) || is_tokens_own(s, found[i]),
		      "the search finds %lu, which does not fit", found[i]);
	RIGHT(n == max || s->search.n == 0, "the search ends without %lu and %zu others",
	      s->search.left[0], s->search.n - 1);
}

static void end(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = pick_search(&h, &a);

	if (!s)
		return;
	if (!s->search.on)
		may_be(&a, CKR_OPERATION_NOT_INITIALIZED);
	say("C_FindObjectsFinal %lu", h);
	if (answered(&a, subject.f->C_FindObjectsFinal(h)))
		s->search.on = false;
}

const struct call search_calls[] = {
	{ "begin a search", 5, begin },
	{ "search", 6, go_on },
	{ "end a search", 5, end },
};
const size_t search_calls_n = ARRAY_LEN(search_calls);
