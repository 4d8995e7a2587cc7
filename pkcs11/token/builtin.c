/* builtin - profiles and mechanisms as objects. */
#include "pkcs11/token/builtin.h"

#include <stdlib.h>
#include <string.h>

#include "pkcs11/token/mech.h"

static const struct {
	CK_ULONG id;
	const char *label;
} profiles[] = {
	{ CKP_BASELINE_PROVIDER, "baseline provider" },
	{ CKP_EXTENDED_PROVIDER, "extended provider" },
	{ CKP_AUTHENTICATION_TOKEN, "authentication token" },
	{ CKP_PUBLIC_CERTIFICATES_TOKEN, "public certificates token" },
};

bool builtin_wanted(struct template like)
{
	static const CK_OBJECT_CLASS classes[] = { CKO_PROFILE, CKO_MECHANISM };
	struct bytes v;

	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (template_get(like, CKA_CLASS, &v) &&
		    bytes_equal(v, BYTES(&classes[i], sizeof classes[i])))
			return true;
	}
	return template_get(like, CKA_PROFILE_ID, &v) || template_get(like, CKA_MECHANISM_TYPE, &v);
}

static enum inro_err name_it(struct object *o, const char *label, CK_ULONG number)
{
	SCOPED(buf) id = { 0 };
	enum inro_err e = attrs_set(&o->attrs, CKA_LABEL, bytes_of(label));

	buf_addf(&id, "%s %lx", o->class == CKO_PROFILE ? "profile" : "mechanism", number);
	if (!e)
		e = buf_err(&id);
	return e ? e : attrs_set(&o->attrs, CKA_UNIQUE_ID, buf_bytes(&id));
}

/* The defaults of its kind, and that nothing is done to it. */
static enum inro_err fill(struct object *o, CK_ATTRIBUTE_TYPE type, CK_ULONG number)
{
	static const CK_ATTRIBUTE_TYPE never[] = { CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE };
	enum inro_err e = template_imply(o->kind, &o->attrs);

	for (size_t i = 0; i < ARRAY_LEN(never) && !e; i++)
		e = attrs_set_bool(&o->attrs, never[i], false);
	if (!e)
		e = attrs_set_bool(&o->attrs, CKA_TOKEN, true);
	if (!e)
		e = attrs_set_ulong(&o->attrs, CKA_CLASS, o->class);
	return e ? e : attrs_set_ulong(&o->attrs, type, number);
}

static enum inro_err add(struct token *t, CK_OBJECT_CLASS class, const char *label, CK_ULONG number)
{
	AUTO(object_unref_ptr) struct object *o = NULL;
	enum inro_err e = object_new(t, rule_kind(class, CK_UNAVAILABLE_INFORMATION), &o);

	if (!e)
		e = fill(o, class == CKO_PROFILE ? CKA_PROFILE_ID : CKA_MECHANISM_TYPE, number);
	if (!e)
		e = name_it(o, label, number);
	if (e)
		return e;
	o->own = true;
	e = objects_add(o);
	if (!e)
		t->own[t->own_n++] = o;
	return e;
}

/* A list that was begun is taken back whole. */
static void take_back(struct token *t)
{
	while (t->own_n > 0)
		object_drop(t->own[--t->own_n]);
	free(t->own);
	t->own = NULL;
}

static size_t count_mechs(void)
{
	size_t n = 0;

	while (mech_at(n))
		n++;
	return n;
}

enum inro_err builtin_make(struct token *t)
{
	const CK_MECHANISM_TYPE *can = t->ops->mechanisms(t->backend);
	const struct mech *m;
	enum inro_err e = INRO_OK;

	if (t->own)
		return INRO_OK;
	t->own = calloc(ARRAY_LEN(profiles) + count_mechs(), sizeof(struct object *));
	if (!t->own)
		return err_set(INRO_E_NO_MEMORY, "no memory for the token's own objects");
	for (size_t i = 0; i < ARRAY_LEN(profiles) && !e; i++)
		e = add(t, CKO_PROFILE, profiles[i].label, profiles[i].id);
	for (size_t i = 0; !e && (m = mech_at(i)) != NULL; i++) {
		if (mech_offered(m, can))
			e = add(t, CKO_MECHANISM, "", m->type);
	}
	if (e)
		take_back(t);
	return e;
}
