/* walk_keys - wrapping, unwrapping, deriving; two operations over the same data: PKCS#11 3.2 5.16, 5.18. */
#include "tests/model/model.h"

#include <string.h>

#define BLOB_MAX 512

/* What C_WrapKey gave last, and what is in it. */
static struct blob {
	uint8_t p[BLOB_MAX];
	CK_ULONG n;
	int by;	  /* material that it is wrapped with */
	int what; /* material of the key in it */
	enum kind kind;
	bool open; /* the key was readable */
} last;

void key_walks_begin(void)
{
	last = (struct blob) { 0 };
}

static CK_MECHANISM kwp = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };

/* ---- wrapping ---- */

/* A readable key is wrapped by any; a sensitive one by few, which is other tests' (test_policy.c,
 * test_token_attacks.c): here it is only seen that nothing else is said. */
static void may_wrap(const struct session *s, const struct object *by, const struct object *o,
		     struct answers *a)
{
	if (by->kind != K_AES)
		may_be(a, CKR_WRAPPING_KEY_TYPE_INCONSISTENT);
	if (by->kind == K_DATA)
		may_be(a, CKR_WRAPPING_KEY_HANDLE_INVALID);
	if (!(by->flags & F_WRAP))
		may_be(a, CKR_KEY_FUNCTION_NOT_PERMITTED);
	if (o->kind == K_DATA)
		may_be(a, CKR_KEY_HANDLE_INVALID);
	if (!model_has_secret(o))
		may_be(a, CKR_KEY_NOT_WRAPPABLE);
	if (model_has_secret(o) && !(o->flags & F_EXTRACTABLE))
		may_be(a, CKR_KEY_UNEXTRACTABLE);
	if (model_token(s)->login != USER)
		may_be(a, CKR_USER_NOT_LOGGED_IN);
	if (a->n > 0 || model_readable(o))
		return;
	may_be(a, CKR_KEY_NOT_WRAPPABLE);
	may_be(a, CKR_WRAPPING_KEY_SIZE_RANGE);
	a->also_ok = true;
}

static void wrap(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE by_h, key_h;
	struct session *s = pick_session(&h, &a);
	unsigned others = chance(10) ? IS(K__MAX) - 1 : 0;
	struct object *by = s ? pick_key(s, IS(K_AES) | others, F_WRAP, CKR_WRAPPING_KEY_HANDLE_INVALID,
					 &by_h, &a)
			      : NULL;
	struct object *o = by ? pick_key(s, WITH_PART | others, F_EXTRACTABLE, CKR_KEY_HANDLE_INVALID,
					 &key_h, &a)
			      : NULL;
	struct blob b = { .n = BLOB_MAX };

	if (!o || a.idle)
		return;
	may_wrap(s, by, o, &a);
	say("C_WrapKey %lu %lu by %lu", h, key_h, by_h);
	if (!answered(&a, subject.f->C_WrapKey(h, &kwp, by_h, key_h, b.p, &b.n)))
		return;
	RIGHT(b.n <= BLOB_MAX && b.n % 8 == 0, "a wrapped key of %lu bytes", b.n);
	b.by = by->material;
	b.what = o->material;
	b.kind = o->kind;
	b.open = model_readable(o);
	last = b;
}

static void put_class(struct form *f, enum kind kind)
{
	form_number(f, CKA_CLASS, kind == K_EC_PRIVATE ? CKO_PRIVATE_KEY : CKO_SECRET_KEY);
	form_number(f, CKA_KEY_TYPE,
		    kind == K_AES ? CKK_AES : kind == K_GENERIC ? CKK_GENERIC_SECRET : CKK_EC);
}

/* A key that came from elsewhere has no history: not local, not always sensitive (4.10, 5.18.4). */
static void unwrap(void)
{
	struct answers a = { 0 };
	struct form f = { 0 };
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE by_h, made = 0;
	struct session *s = pick_session(&h, &a);
	struct object *by = s ? pick_key(s, IS(K_AES), F_UNWRAP, CKR_UNWRAPPING_KEY_HANDLE_INVALID, &by_h,
					 &a)
			      : NULL;
	struct object *o = by && last.n && !a.idle ? model_new_object() : NULL;
	struct blob b = last;
	bool right;

	if (!o)
		return;
	right = by->material == b.by && !chance(10);
	if (!right)
		b.p[chance_below((uint32_t)b.n)] ^= 1;
	o->material = b.what;
	form_new(&f, o, b.kind);
	put_class(&f, b.kind);
	object_history(o, CK_UNAVAILABLE_INFORMATION);
	object_may_keep(s, o, &a);
	form_spoil(&f, o, &a);
	if (!(by->flags & F_UNWRAP))
		may_be(&a, CKR_KEY_FUNCTION_NOT_PERMITTED);
	if (model_token(s)->login != USER)
		may_be(&a, CKR_USER_NOT_LOGGED_IN);
	if (!right)
		may_be(&a, CKR_WRAPPED_KEY_INVALID);
	/* what the key has wrapped before may forbid it: test_policy.c */
	a.also_ok = a.n == 0;
	may_be(&a, CKR_TEMPLATE_INCONSISTENT);
	say("C_UnwrapKey %lu by %lu kind %d flags 0x%x%s", h, by_h, (int)b.kind, o->flags,
	    right ? "" : " wrongly");
	if (answered(&a, subject.f->C_UnwrapKey(h, &kwp, by_h, b.p, b.n, f.a, f.n, &made)))
		object_born(s, o, made);
}

/* ---- deriving ---- */

/* base || data: the value can be told. */
static const uint8_t tail[8] = { 't', 'h', 'e', ' ', 't', 'a', 'i', 'l' };

/* "If the base key is sensitive, so is the derived key" and what follows for the history (6.43.3). */
static void inherit(const struct object *base, struct object *o, const struct form *f, struct answers *a)
{
	bool sensitive = base->flags & F_SENSITIVE, kept = !(base->flags & F_EXTRACTABLE);

	for (CK_ULONG i = 0; i < f->n; i++) {
		bool given = f->a[i].ulValueLen == 1 && *(const CK_BBOOL *)f->a[i].pValue;

		if ((f->a[i].type == CKA_SENSITIVE && sensitive && !given) ||
		    (f->a[i].type == CKA_EXTRACTABLE && kept && given))
			may_be(a, CKR_TEMPLATE_INCONSISTENT);
	}
	if (sensitive)
		o->flags |= F_SENSITIVE;
	if (kept)
		o->flags &= ~(unsigned)F_EXTRACTABLE;
	o->flags &= ~(unsigned)(F_ALWAYS_SENSITIVE | F_NEVER_EXTRACTABLE);
	if ((base->flags & F_ALWAYS_SENSITIVE) && (o->flags & F_SENSITIVE))
		o->flags |= F_ALWAYS_SENSITIVE;
	if ((base->flags & F_NEVER_EXTRACTABLE) && !(o->flags & F_EXTRACTABLE))
		o->flags |= F_NEVER_EXTRACTABLE;
}

static bool make_material(const struct object *base, struct object *o)
{
	const struct material *from = &world.materials[base->material];
	struct material *to;

	if (from->n + sizeof tail > sizeof to->value || (o->material = model_new_material()) < 0)
		return false;
	to = &world.materials[o->material];
	to->known = from->known;
	memcpy(to->value, from->value, from->n);
	memcpy(to->value + from->n, tail, sizeof tail);
	to->n = from->n + sizeof tail;
	return true;
}

static void derive(void)
{
	struct answers a = { 0 };
	struct form f = { 0 };
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE base_h, made = 0;
	CK_KEY_DERIVATION_STRING_DATA data = { (CK_BYTE *)(uintptr_t)tail, sizeof tail };
	CK_MECHANISM m = { CKM_CONCATENATE_BASE_AND_DATA, &data, sizeof data };
	struct session *s = pick_session(&h, &a);
	struct object *base =
		s ? pick_key(s, SECRETS, F_DERIVE, CKR_KEY_HANDLE_INVALID, &base_h, &a) : NULL;
	struct object *o = base && !a.idle ? model_new_object() : NULL;

	if (!o || !make_material(base, o))
		return;
	form_new(&f, o, K_GENERIC);
	put_class(&f, K_GENERIC);
	object_history(o, CK_UNAVAILABLE_INFORMATION);
	inherit(base, o, &f, &a);
	object_may_keep(s, o, &a);
	form_spoil(&f, o, &a);
	if (!(base->flags & F_DERIVE))
		may_be(&a, CKR_KEY_FUNCTION_NOT_PERMITTED);
	if (model_token(s)->login != USER)
		may_be(&a, CKR_USER_NOT_LOGGED_IN);
	say("C_DeriveKey %lu from %lu flags 0x%x", h, base_h, o->flags);
	if (!answered(&a, subject.f->C_DeriveKey(h, &m, base_h, f.a, f.n, &made)))
		return;
	object_born(s, o, made);
	object_learn(s, o);
}

const struct call key_calls[] = {
	{ "wrap", 8, wrap },
	{ "unwrap", 8, unwrap },
	{ "derive", 4, derive },
};
const size_t key_calls_n = ARRAY_LEN(key_calls);
