/* template - templates that are drawn, and attributes as the model has them. */
#include "tests/model/model.h"

#include <stdio.h>
#include <string.h>

#define USES                                                                                       \
	(F_ENCRYPT | F_DECRYPT | F_SIGN | F_VERIFY | F_WRAP | F_UNWRAP | F_DERIVE)
#define UNKNOWN_TYPE ((CK_ATTRIBUTE_TYPE)CKA_VENDOR_DEFINED + 0x777)

void form_bytes(struct form *f, CK_ATTRIBUTE_TYPE type, const void *p, size_t n)
{
	uint8_t *at = f->room + f->used;

	MUST(f->n < ARRAY_LEN(f->a) && n <= sizeof f->room - f->used);
	if (n > 0)
		memcpy(at, p, n);
	f->used += (n + 7) / 8 * 8;
	f->a[f->n++] = (CK_ATTRIBUTE) { type, at, n };
}

void form_flag(struct form *f, CK_ATTRIBUTE_TYPE type, bool value)
{
	form_bytes(f, type, &(CK_BBOOL) { value }, 1);
}

void form_number(struct form *f, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
	form_bytes(f, type, &value, sizeof value);
}

/* Uses of a key with a secret part only go (rule_kinds.c); the standard would let them come. */
unsigned model_how(const struct flag_row *row, enum kind kind)
{
	bool use = (row->flag & USES) != 0;

	return row->how | (use && subject.ours && (WITH_PART & IS(kind)) ? (unsigned)H_LOWER : 0);
}

static size_t label_of(const struct object *o, char room[16])
{
	return (size_t)snprintf(room, 16, "m%u", o->number);
}

/* ---- new objects ---- */

/* How often each is true where it is drawn. */
static unsigned odds(enum flag f, enum kind kind)
{
	if (f & (F_MODIFIABLE | F_COPYABLE))
		return 85;
	if (f == F_DESTROYABLE)
		return 93;
	if (f & (F_WRAP | F_UNWRAP))
		return 35;
	if (f == F_ALWAYS_AUTH)
		return 10;
	if (f == F_PRIVATE)
		return kind == K_DATA || kind == K_EC_PUBLIC ? 30 : 75;
	return f & USES ? 75 : 50;
}

static void draw_flag(struct form *f, struct object *o, const struct flag_row *row)
{
	bool given = !subject.ours || (row->flag & USES) || chance(70);
	bool value = given ? chance(odds(row->flag, o->kind)) : (row->by_self & IS(o->kind)) != 0;

	/* What could never be used is not worth a walk; and no login is there for it. */
	if (row->flag == F_ALWAYS_AUTH && !subject.ours)
		return;
	if (given)
		form_flag(f, row->type, value);
	if (value)
		o->flags |= row->flag;
}

void form_label(struct form *f, const struct object *o)
{
	char label[16];

	form_bytes(f, CKA_LABEL, label, label_of(o, label));
}

void form_new(struct form *f, struct object *o, enum kind kind)
{
	o->kind = kind;
	for (size_t i = 0; i < model_flags_n; i++)
		if ((model_flags[i].kinds & IS(kind)) && (model_flags[i].how & H_GIVEN))
			draw_flag(f, o, &model_flags[i]);
	form_label(f, o);
	if (!(KEYS & IS(kind)))
		return;
	o->id = (uint8_t)chance_below(3);
	form_bytes(f, CKA_ID, &o->id, o->id != 0);
}

static void spoil_unknown(struct form *f, const struct object *o, struct answers *a)
{
	(void)o;
	form_flag(f, UNKNOWN_TYPE, true);
	may_be(a, CKR_ATTRIBUTE_TYPE_INVALID);
}

static void spoil_history(struct form *f, const struct object *o, struct answers *a)
{
	form_flag(f, CKA_LOCAL, true);
	may_be(a, KEYS & IS(o->kind) ? CKR_ATTRIBUTE_READ_ONLY : CKR_ATTRIBUTE_TYPE_INVALID);
}

static void spoil_twice(struct form *f, const struct object *o, struct answers *a)
{
	(void)o;
	form_bytes(f, CKA_LABEL, "again", 5);
	form_bytes(f, CKA_LABEL, "again", 5);
	may_be(a, CKR_TEMPLATE_INCONSISTENT);
}

static void spoil_form(struct form *f, const struct object *o, struct answers *a)
{
	(void)o;
	for (CK_ULONG i = 0; i < f->n; i++) {
		if (f->a[i].type != CKA_TOKEN)
			continue;
		f->a[i].ulValueLen = 0;
		may_be(a, CKR_ATTRIBUTE_VALUE_INVALID);
		return;
	}
}

static void spoil_null(struct form *f, const struct object *o, struct answers *a)
{
	(void)o;
	if (f->n == 0)
		return;
	f->a[f->n - 1].pValue = NULL;
	if (f->a[f->n - 1].ulValueLen > 0)
		may_be(a, CKR_ATTRIBUTE_VALUE_INVALID);
}

void form_spoil(struct form *f, const struct object *o, struct answers *a)
{
	static void (*const ways[])(struct form *, const struct object *, struct answers *) = {
		spoil_unknown, spoil_history, spoil_twice, spoil_form, spoil_null,
	};

	if (subject.ours && chance(8))
		ways[chance_below(ARRAY_LEN(ways))](f, o, a);
}

/* ---- changes ---- */

static bool is_in(const struct form *f, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; i < f->n; i++)
		if (f->a[i].type == type)
			return true;
	return false;
}

/* Most often one that the object has. */
static const struct flag_row *draw_row(const struct object *o)
{
	const struct flag_row *row;

	do
		row = &model_flags[chance_below((uint32_t)model_flags_n)];
	while ((!(row->kinds & IS(o->kind)) || !(row->how & (H_SET | H_COPY))) && chance(90));
	return row;
}

static void change_flag(struct form *f, struct object *o, bool copy, bool officer, struct answers *a)
{
	const struct flag_row *row = draw_row(o);
	unsigned how = model_how(row, o->kind);
	bool old = o->flags & row->flag, new = chance(50);

	if (is_in(f, row->type) || (!subject.ours && !(row->kinds & IS(o->kind))))
		return;
	form_flag(f, row->type, new);
	say(" %s=%d", row->name, new);
	if (!(row->kinds & IS(o->kind)))
		may_be(a, CKR_ATTRIBUTE_TYPE_INVALID);
	else if (!(how & H_SET) && !(copy && how & H_COPY))
		may_be(a, CKR_ATTRIBUTE_READ_ONLY);
	else if (old != new && ((how & H_RAISE && !new) || (how & H_LOWER && new))) {
		may_be(a, CKR_ATTRIBUTE_READ_ONLY);
		/* the officer decides what a key is for, but for those that have moved others */
		a->also_ok = a->also_ok || (officer && (row->flag & USES) && a->n == 1);
	}
	o->flags = new ? o->flags | row->flag : o->flags & ~(unsigned)row->flag;
}

static void change_id(struct form *f, struct object *o, struct answers *a)
{
	if (is_in(f, CKA_ID) || (!subject.ours && !(KEYS & IS(o->kind))))
		return;
	o->id = (uint8_t)chance_below(3);
	form_bytes(f, CKA_ID, &o->id, o->id != 0);
	say(" ID=%d", o->id);
	if (!(KEYS & IS(o->kind)))
		may_be(a, CKR_ATTRIBUTE_TYPE_INVALID);
}

static void change_value(struct form *f, struct object *o, struct answers *a)
{
	if (is_in(f, CKA_VALUE) || (!subject.ours && o->kind != K_DATA))
		return;
	o->value_n = chance_below(sizeof o->value);
	chance_fill(o->value, o->value_n);
	form_bytes(f, CKA_VALUE, o->value, o->value_n);
	say(" VALUE of %zu", o->value_n);
	if (o->kind != K_DATA)
		may_be(a, model_has_secret(o) ? CKR_ATTRIBUTE_READ_ONLY : CKR_ATTRIBUTE_TYPE_INVALID);
}

void form_change(struct form *f, struct object *o, bool copy, bool officer, struct answers *a)
{
	unsigned n = chance_below(3) + !copy;

	for (unsigned i = 0; i < n; i++) {
		if (chance(75))
			change_flag(f, o, copy, officer, a);
		else if (chance(50))
			change_id(f, o, a);
		else
			change_value(f, o, a);
	}
	form_spoil(f, o, a);
}

/* ---- what an object has ---- */

static const struct {
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE type;
} kinds[K__MAX] = {
	[K_DATA] = { CKO_DATA, CK_UNAVAILABLE_INFORMATION },
	[K_AES] = { CKO_SECRET_KEY, CKK_AES },
	[K_GENERIC] = { CKO_SECRET_KEY, CKK_GENERIC_SECRET },
	[K_EC_PUBLIC] = { CKO_PUBLIC_KEY, CKK_EC },
	[K_EC_PRIVATE] = { CKO_PRIVATE_KEY, CKK_EC },
};

static bool give(const void *p, size_t n, uint8_t *ret, size_t *ret_n)
{
	memcpy(ret, p, n);
	*ret_n = n;
	return true;
}

static bool give_number(CK_ULONG v, uint8_t *ret, size_t *ret_n)
{
	return give(&v, sizeof v, ret, ret_n);
}

static bool give_value(const struct object *o, uint8_t *ret, size_t *ret_n)
{
	const struct material *m = o->material < 0 ? NULL : &world.materials[o->material];

	if (o->kind == K_DATA)
		return give(o->value, o->value_n, ret, ret_n);
	return m && o->kind != K_EC_PUBLIC && give(m->value, m->n, ret, ret_n);
}

bool model_attribute(const struct object *o, CK_ATTRIBUTE_TYPE type, uint8_t *ret, size_t *ret_n)
{
	bool key = KEYS & IS(o->kind);
	char label[16];

	for (size_t i = 0; i < model_flags_n; i++)
		if (model_flags[i].type == type)
			return (model_flags[i].kinds & IS(o->kind)) &&
			       give(&(CK_BBOOL) { (o->flags & model_flags[i].flag) != 0 }, 1, ret,
				    ret_n);
	if (type == CKA_LABEL)
		return give(label, label_of(o, label), ret, ret_n);
	if (type == CKA_CLASS)
		return give_number(kinds[o->kind].class, ret, ret_n);
	if (type == CKA_KEY_TYPE)
		return key && give_number(kinds[o->kind].type, ret, ret_n);
	if (type == CKA_ID)
		return key && give(&o->id, o->id != 0, ret, ret_n);
	if (type == CKA_KEY_GEN_MECHANISM)
		return key && give_number(o->maker, ret, ret_n);
	if (type == CKA_VALUE_LEN)
		return (SECRETS & IS(o->kind)) &&
		       give_number(world.materials[o->material].n, ret, ret_n);
	return type == CKA_VALUE && give_value(o, ret, ret_n);
}

/* The same for all that is no secret, in one call. */
static CK_ULONG everything(const struct object *o, CK_ATTRIBUTE *all, uint8_t room[][64])
{
	static const CK_ATTRIBUTE_TYPE others[] = { CKA_CLASS,	  CKA_KEY_TYPE,
						    CKA_LABEL,	  CKA_ID,
						    CKA_VALUE_LEN, CKA_KEY_GEN_MECHANISM };
	uint8_t want[64];
	size_t want_n;
	CK_ULONG n = 0;

	for (size_t i = 0; i < model_flags_n + ARRAY_LEN(others); i++) {
		CK_ATTRIBUTE_TYPE type =
			i < model_flags_n ? model_flags[i].type : others[i - model_flags_n];

		if (model_attribute(o, type, want, &want_n)) {
			all[n] = (CK_ATTRIBUTE) { type, room[n], 64 };
			n++;
		}
	}
	return n;
}

void look_at_object(const struct session *s, const struct object *o)
{
	CK_ATTRIBUTE all[40];
	uint8_t room[40][64], want[64];
	size_t want_n = 0;
	CK_ULONG n = everything(o, all, room);
	CK_RV rv = subject.f->C_GetAttributeValue(s->h, o->h, all, n);

	RIGHT(rv == CKR_OK, "object m%u (handle %lu) can't be read: 0x%lx", o->number, o->h, rv);
	for (CK_ULONG i = 0; i < n; i++) {
		model_attribute(o, all[i].type, want, &want_n);
		RIGHT(all[i].ulValueLen == want_n &&
			      (want_n == 0 || memcmp(want, room[i], want_n) == 0),
		      "attribute 0x%lx of m%u: %lu bytes 0x%02x, not %zu bytes 0x%02x", all[i].type,
		      o->number, all[i].ulValueLen, room[i][0], want_n, want[0]);
	}
}
