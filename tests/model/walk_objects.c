/* walk_objects - making, copying, changing, destroying and reading objects: PKCS#11 3.2 5.7. */
#include "tests/model/model.h"

#include <string.h>

/* ---- making ---- */

/* What the session may have, and who is logged in. */
void object_may_keep(const struct session *s, const struct object *o, struct answers *a)
{
	bool owned = (o->flags & F_PRIVATE) || (subject.ours && model_has_secret(o));

	if ((o->flags & F_TOKEN) && !s->rw)
		may_be(a, CKR_SESSION_READ_ONLY);
	if (owned && model_token(s)->login != USER)
		may_be(a, CKR_USER_NOT_LOGGED_IN);
	if ((o->flags & F_ALWAYS_AUTH) && !(o->flags & F_PRIVATE))
		may_be(a, CKR_TEMPLATE_INCONSISTENT);
}

/* It is there now. */
void object_born(const struct session *s, struct object *o, CK_OBJECT_HANDLE h)
{
	RIGHT(h != CK_INVALID_HANDLE, "a new object with no handle");
	RIGHT(!model_find_handle(h), "the handle %lu comes twice", h);
	o->h = h;
	o->alive = true;
	o->token = s->token;
	o->owner = o->flags & F_TOKEN ? 0 : s->h;
	say("   m%u is %lu\n", o->number, h);
	if (model_visible(o))
		look_at_object(s, o);
}

void object_history(struct object *o, CK_MECHANISM_TYPE maker)
{
	bool here = maker != CK_UNAVAILABLE_INFORMATION;

	o->maker = maker;
	if (here)
		o->flags |= F_LOCAL;
	if (here && (o->flags & F_SENSITIVE))
		o->flags |= F_ALWAYS_SENSITIVE;
	if (here && model_has_secret(o) && !(o->flags & F_EXTRACTABLE))
		o->flags |= F_NEVER_EXTRACTABLE;
}

static void create_data(struct form *f, struct object *o)
{
	form_number(f, CKA_CLASS, CKO_DATA);
	o->value_n = chance_below(sizeof o->value);
	chance_fill(o->value, o->value_n);
	form_bytes(f, CKA_VALUE, o->value, o->value_n);
}

static void create_secret(struct form *f, struct object *o)
{
	struct material *m = &world.materials[o->material];

	m->known = true;
	m->n = o->kind == K_AES ? 16 + 8 * chance_below(3) : 16 + chance_below(17);
	chance_fill(m->value, m->n);
	form_number(f, CKA_CLASS, CKO_SECRET_KEY);
	form_number(f, CKA_KEY_TYPE, o->kind == K_AES ? CKK_AES : CKK_GENERIC_SECRET);
	form_bytes(f, CKA_VALUE, m->value, m->n);
}

static void create_pair_half(struct form *f, struct object *o)
{
	struct material *m = &world.materials[o->material];
	bool public = o->kind == K_EC_PUBLIC;
	uint8_t point[67];

	m->known = true;
	m->n = 32;
	m->pkey = oracle_new_pair(m->value, point);
	form_number(f, CKA_CLASS, public ? CKO_PUBLIC_KEY : CKO_PRIVATE_KEY);
	form_number(f, CKA_KEY_TYPE, CKK_EC);
	form_bytes(f, CKA_EC_PARAMS, module_p256, sizeof module_p256);
	if (public)
		form_bytes(f, CKA_EC_POINT, point, sizeof point);
	else
		form_bytes(f, CKA_VALUE, m->value, 32);
}

static void (*const creators[K__MAX])(struct form *, struct object *) = {
	[K_DATA] = create_data,		   [K_AES] = create_secret,
	[K_GENERIC] = create_secret,	   [K_EC_PUBLIC] = create_pair_half,
	[K_EC_PRIVATE] = create_pair_half,
};

/* Room for an object of this kind and for what it consists of; NULL: there is none. */
static struct object *begin_object(enum kind kind, struct form *f)
{
	struct object *o = model_new_object();

	if (!o || (kind != K_DATA && (o->material = model_new_material()) < 0))
		return NULL;
	form_new(f, o, kind);
	return o;
}

static void create(void)
{
	struct answers a = { 0 };
	struct form f = { 0 };
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE made = 0;
	struct session *s = pick_session(&h, &a);
	enum kind kind = (enum kind)chance_below(K__MAX);
	struct object *o = s ? begin_object(kind, &f) : NULL;

	if (!o)
		return;
	creators[kind](&f, o);
	object_history(o, CK_UNAVAILABLE_INFORMATION);
	object_may_keep(s, o, &a);
	form_spoil(&f, o, &a);
	say("C_CreateObject %lu kind %d flags 0x%x", h, (int)kind, o->flags);
	if (answered(&a, subject.f->C_CreateObject(h, f.a, f.n, &made)))
		object_born(s, o, made);
}

/* A key that the token has made is known when it can be read. */
void object_learn(const struct session *s, const struct object *o)
{
	struct material *m = &world.materials[o->material];
	uint8_t value[sizeof m->value];
	CK_ATTRIBUTE a = { CKA_VALUE, value, sizeof value };

	if (!model_readable(o) || subject.f->C_GetAttributeValue(s->h, o->h, &a, 1) != CKR_OK)
		return;
	RIGHT(a.ulValueLen == m->n, "a value of %lu bytes, not %zu", a.ulValueLen, m->n);
	RIGHT(!m->known || memcmp(value, m->value, m->n) == 0, "the key is another one");
	memcpy(m->value, value, m->n);
	m->known = true;
}

static void generate(void)
{
	struct answers a = { 0 };
	struct form f = { 0 };
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE made = 0;
	struct session *s = pick_session(&h, &a);
	enum kind kind = chance(50) ? K_AES : K_GENERIC;
	CK_MECHANISM m = { .mechanism = kind == K_AES ? CKM_AES_KEY_GEN : CKM_GENERIC_SECRET_KEY_GEN };
	struct object *o = s ? begin_object(kind, &f) : NULL;

	if (!o)
		return;
	world.materials[o->material].n = chance(50) ? 16 : 32;
	form_number(&f, CKA_VALUE_LEN, world.materials[o->material].n);
	object_history(o, m.mechanism);
	object_may_keep(s, o, &a);
	form_spoil(&f, o, &a);
	say("C_GenerateKey %lu kind %d flags 0x%x", h, (int)kind, o->flags);
	if (!answered(&a, subject.f->C_GenerateKey(h, &m, f.a, f.n, &made)))
		return;
	object_born(s, o, made);
	object_learn(s, o);
}

static void learn_point(const struct session *s, const struct object *public)
{
	struct material *m = &world.materials[public->material];
	uint8_t point[67];
	CK_ATTRIBUTE a = { CKA_EC_POINT, point, sizeof point };
	CK_RV rv = subject.f->C_GetAttributeValue(s->h, public->h, &a, 1);

	RIGHT(rv == CKR_OK && a.ulValueLen == sizeof point, "no point: 0x%lx", rv);
	m->pkey = oracle_public(point);
}

static void generate_pair(void)
{
	struct answers a = { 0 };
	struct form f[2] = { 0 };
	CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	CK_OBJECT_HANDLE made[2] = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = pick_session(&h, &a);
	struct object *public = s ? begin_object(K_EC_PUBLIC, &f[0]) : NULL;

	if (!public)
		return;
	public->alive = true; /* its place is taken */
	struct object *private = model_new_object();

	public->alive = false;
	if (!private)
		return;
	private->material = public->material;
	form_new(&f[1], private, K_EC_PRIVATE);
	form_bytes(&f[0], CKA_EC_PARAMS, module_p256, sizeof module_p256);
	object_history(public, m.mechanism);
	object_history(private, m.mechanism);
	object_may_keep(s, public, &a);
	object_may_keep(s, private, &a);
	form_spoil(&f[chance_below(2)], private, &a);
	say("C_GenerateKeyPair %lu flags 0x%x 0x%x", h, public->flags, private->flags);
	if (!answered(&a, subject.f->C_GenerateKeyPair(h, &m, f[0].a, f[0].n, f[1].a, f[1].n, &made[0],
						       &made[1])))
		return;
	world.materials[public->material].n = 32;
	object_born(s, public, made[0]);
	object_born(s, private, made[1]);
	learn_point(s, public);
}

/* ---- changing ---- */

/* A session and an object of any kind, right ones or wrong ones; NULL: nothing is to be done. */
static struct session *pick_any(CK_SESSION_HANDLE *ret_h, CK_OBJECT_HANDLE *ret_target, struct object **ret,
				struct answers *a)
{
	struct session *s = pick_session(ret_h, a);

	*ret = s ? pick_object(s, IS(K__MAX) - 1, CKR_OBJECT_HANDLE_INVALID, ret_target, a) : NULL;
	return s && !a->idle ? s : NULL;
}

static void copy(void)
{
	struct answers a = { 0 };
	struct form f = { 0 };
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE from_h, made = 0;
	struct object *from;
	struct session *s = pick_any(&h, &from_h, &from, &a);
	struct object *to = model_new_object();

	if (!s || !to)
		return;
	say("C_CopyObject %lu %lu", h, from_h);
	if (from) {
		unsigned number = to->number;

		*to = *from;
		to->alive = false;
		form_change(&f, to, true, model_token(s)->login == OFFICER, &a);
		to->number = number;
		form_label(&f, to);
		if (!(from->flags & F_COPYABLE))
			may_be(&a, CKR_ACTION_PROHIBITED);
		object_may_keep(s, to, &a);
	}
	if (answered(&a, subject.f->C_CopyObject(h, from_h, f.a, f.n, &made)))
		object_born(s, to, made);
}

static void may_write(const struct session *s, const struct object *o, struct answers *a)
{
	if ((o->flags & F_TOKEN) && !s->rw)
		may_be(a, CKR_SESSION_READ_ONLY);
}

static void change(void)
{
	struct answers a = { 0 };
	struct form f = { 0 };
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE target;
	struct object *o;
	struct session *s = pick_any(&h, &target, &o, &a);
	struct object then = { 0 };

	if (!s)
		return;
	say("C_SetAttributeValue %lu %lu", h, target);
	if (o) {
		then = *o;
		form_change(&f, &then, false, model_token(s)->login == OFFICER, &a);
		may_write(s, o, &a);
		if (!(o->flags & F_MODIFIABLE))
			may_be(&a, CKR_ACTION_PROHIBITED);
		/* the value is sealed under the login, and sealed again with the attributes */
		if (subject.ours && model_has_secret(o) && (o->flags & F_TOKEN) &&
		    model_token(s)->login == NOBODY)
			may_be(&a, CKR_USER_NOT_LOGGED_IN);
	}
	if (answered(&a, subject.f->C_SetAttributeValue(h, target, f.a, f.n)) && o)
		*o = then;
	if (o)
		look_at_object(s, o);
}

static void destroy(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE target;
	struct object *o;
	struct session *s = pick_any(&h, &target, &o, &a);

	if (!s)
		return;
	if (o) {
		may_write(s, o, &a);
		if (!(o->flags & F_DESTROYABLE))
			may_be(&a, CKR_ACTION_PROHIBITED);
	}
	say("C_DestroyObject %lu %lu", h, target);
	if (answered(&a, subject.f->C_DestroyObject(h, target)))
		model_forget_object(o);
}

/* ---- reading ---- */

/* One attribute of a question, and what is to come of it. */
struct wish {
	CK_RV rv;
	bool null;
	uint8_t want[64];
	size_t want_n, room;
	uint8_t got[80];
};

static CK_ATTRIBUTE_TYPE draw_type(void)
{
	static const CK_ATTRIBUTE_TYPE types[] = { CKA_CLASS,	  CKA_KEY_TYPE,
						   CKA_LABEL,	  CKA_ID,
						   CKA_VALUE,	  CKA_VALUE,
						   CKA_VALUE_LEN, CKA_KEY_GEN_MECHANISM,
						   CKA_MODULUS,	  CKA_VENDOR_DEFINED + 5UL };

	if (chance(40))
		return model_flags[chance_below((uint32_t)model_flags_n)].type;
	return types[chance_below(ARRAY_LEN(types))];
}

/* Most often one that the object has. */
static CK_ATTRIBUTE_TYPE any_type(const struct object *o)
{
	CK_ATTRIBUTE_TYPE type;
	uint8_t value[64];
	size_t n;

	do
		type = draw_type();
	while (!model_attribute(o, type, value, &n) && chance(85));
	return type;
}

static CK_RV may_see(const struct object *o, CK_ATTRIBUTE_TYPE type)
{
	if (type != CKA_VALUE || !model_has_secret(o))
		return CKR_OK;
	if (!model_readable(o))
		return CKR_ATTRIBUTE_SENSITIVE;
	/* of a key that is not private: it is sealed all the same */
	return subject.ours && world.tokens[o->token].login != USER ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
}

static void ask(const struct object *o, struct wish *w, CK_ATTRIBUTE *ret)
{
	CK_ATTRIBUTE_TYPE type = any_type(o);

	*w = (struct wish) { .null = chance(25) };
	if (!model_attribute(o, type, w->want, &w->want_n))
		w->rv = CKR_ATTRIBUTE_TYPE_INVALID;
	else
		w->rv = may_see(o, type);
	w->room = chance(20) && w->want_n ? w->want_n - 1 : w->want_n + chance_below(3);
	memset(w->got, 0xa5, sizeof w->got);
	if (!w->rv && !w->null && w->room < w->want_n)
		w->rv = CKR_BUFFER_TOO_SMALL;
	*ret = (CK_ATTRIBUTE) { type, w->null ? NULL : w->got, w->null ? chance_below(9) : w->room };
}

static void look_at_wish(const struct wish *w, const CK_ATTRIBUTE *a)
{
	size_t given = w->rv || w->null ? 0 : w->want_n;

	for (size_t i = given; i < sizeof w->got; i++)
		RIGHT(w->got[i] == 0xa5, "attribute 0x%lx is written behind its end", a->type);
	if (w->rv) {
		RIGHT(a->ulValueLen == CK_UNAVAILABLE_INFORMATION, "attribute 0x%lx has length %lu",
		      a->type, a->ulValueLen);
		return;
	}
	RIGHT(a->ulValueLen == w->want_n, "attribute 0x%lx has length %lu, not %zu", a->type,
	      a->ulValueLen, w->want_n);
	RIGHT(given == 0 || memcmp(w->got, w->want, given) == 0, "attribute 0x%lx has another value",
	      a->type);
}

/* "If more than one applies, any of them" (5.7.5): what can be given is given all the same. */
static void read_some(const struct session *s, const struct object *o, CK_SESSION_HANDLE h)
{
	struct wish wishes[6];
	CK_ATTRIBUTE list[6];
	struct answers a = { 0 };
	CK_ULONG n = 1 + chance_below(6);

	for (CK_ULONG i = 0; i < n; i++) {
		ask(o, &wishes[i], &list[i]);
		say(" 0x%lx%s", list[i].type, wishes[i].null ? "?" : "");
		if (wishes[i].rv)
			may_be(&a, wishes[i].rv);
	}
	if (h != s->h)
		a = (struct answers) { .rv = { CKR_SESSION_HANDLE_INVALID }, .n = 1 };
	answered(&a, subject.f->C_GetAttributeValue(h, o->h, list, n));
	for (CK_ULONG i = 0; i < n && h == s->h; i++)
		look_at_wish(&wishes[i], &list[i]);
}

/* A key whose value the token alone knows: the model can't say what comes. */
static bool can_tell(const struct object *o)
{
	return o->material < 0 || world.materials[o->material].known || !model_readable(o);
}

static void read(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE target;
	struct object *o;
	struct session *s = pick_any(&h, &target, &o, &a);
	CK_ULONG size = 0;

	if (!s || (o && !can_tell(o)))
		return;
	say("C_GetAttributeValue %lu %lu", h, target);
	if (o)
		read_some(s, o, h);
	else
		answered(&a, subject.f->C_GetAttributeValue(h, target, NULL, 0));
	say("C_GetObjectSize %lu %lu", h, target);
	answered(&a, subject.f->C_GetObjectSize(h, target, &size));
}

const struct call object_calls[] = {
	{ "create", 10, create }, { "generate", 4, generate }, { "generate a pair", 4, generate_pair },
	{ "copy", 6, copy },	  { "change", 10, change },    { "destroy", 4, destroy },
	{ "read", 12, read },
};
const size_t object_calls_n = ARRAY_LEN(object_calls);
