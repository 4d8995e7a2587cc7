/* template - the table of what is carried, and the values in secret memory. */
#include "tools/import/template.h"

#include <stdlib.h>
#include <string.h>

#include "base/cryptoki/mechname.h"

enum {
	IN_DATA = 1,
	IN_CERT = 2,
	IN_PUBLIC = 4,
	IN_PRIVATE = 8,
	IN_SECRET = 16,
	IN_KEY = IN_PUBLIC | IN_PRIVATE | IN_SECRET,
	IN_ALL = IN_DATA | IN_CERT | IN_KEY,
};

static const struct {
	CK_OBJECT_CLASS class;
	unsigned in;
	const char *name;
} classes[] = {
	{ CKO_DATA, IN_DATA, "data object" },	     { CKO_CERTIFICATE, IN_CERT, "certificate" },
	{ CKO_PUBLIC_KEY, IN_PUBLIC, "public key" }, { CKO_PRIVATE_KEY, IN_PRIVATE, "private key" },
	{ CKO_SECRET_KEY, IN_SECRET, "secret key" },
};

/* Octet strings that are empty aren't carried: that is what an attribute which nobody gave looks
 * like. */
static const struct carried {
	CK_ATTRIBUTE_TYPE type;
	enum softhsm_kind kind;
	unsigned in;
} carried[] = {
	{ CKA_CLASS, SOFTHSM_ULONG, IN_ALL },
	{ CKA_TOKEN, SOFTHSM_BOOL, IN_ALL },
	{ CKA_PRIVATE, SOFTHSM_BOOL, IN_ALL },
	{ CKA_MODIFIABLE, SOFTHSM_BOOL, IN_ALL },
	{ CKA_COPYABLE, SOFTHSM_BOOL, IN_ALL },
	{ CKA_DESTROYABLE, SOFTHSM_BOOL, IN_ALL },
	{ CKA_LABEL, SOFTHSM_BYTES, IN_ALL },
	{ CKA_VALUE, SOFTHSM_BYTES, IN_ALL },
	{ CKA_APPLICATION, SOFTHSM_BYTES, IN_DATA },
	{ CKA_OBJECT_ID, SOFTHSM_BYTES, IN_DATA },
	{ CKA_CERTIFICATE_TYPE, SOFTHSM_ULONG, IN_CERT },
	{ CKA_CERTIFICATE_CATEGORY, SOFTHSM_ULONG, IN_CERT },
	{ CKA_ISSUER, SOFTHSM_BYTES, IN_CERT },
	{ CKA_SERIAL_NUMBER, SOFTHSM_BYTES, IN_CERT },
	{ CKA_URL, SOFTHSM_BYTES, IN_CERT },
	{ CKA_HASH_OF_SUBJECT_PUBLIC_KEY, SOFTHSM_BYTES, IN_CERT },
	{ CKA_HASH_OF_ISSUER_PUBLIC_KEY, SOFTHSM_BYTES, IN_CERT },
	{ CKA_SUBJECT, SOFTHSM_BYTES, IN_CERT | IN_PUBLIC | IN_PRIVATE },
	{ CKA_ID, SOFTHSM_BYTES, IN_CERT | IN_KEY },
	{ CKA_START_DATE, SOFTHSM_BYTES, IN_CERT | IN_KEY },
	{ CKA_END_DATE, SOFTHSM_BYTES, IN_CERT | IN_KEY },
	{ CKA_KEY_TYPE, SOFTHSM_ULONG, IN_KEY },
	{ CKA_DERIVE, SOFTHSM_BOOL, IN_KEY },
	{ CKA_ALLOWED_MECHANISMS, SOFTHSM_MECHS, IN_KEY },
	{ CKA_ENCRYPT, SOFTHSM_BOOL, IN_PUBLIC | IN_SECRET },
	{ CKA_VERIFY, SOFTHSM_BOOL, IN_PUBLIC | IN_SECRET },
	{ CKA_VERIFY_RECOVER, SOFTHSM_BOOL, IN_PUBLIC },
	{ CKA_WRAP, SOFTHSM_BOOL, IN_PUBLIC | IN_SECRET },
	{ CKA_WRAP_TEMPLATE, SOFTHSM_MAP, IN_PUBLIC | IN_SECRET },
	{ CKA_SENSITIVE, SOFTHSM_BOOL, IN_PRIVATE | IN_SECRET },
	{ CKA_EXTRACTABLE, SOFTHSM_BOOL, IN_PRIVATE | IN_SECRET },
	{ CKA_DECRYPT, SOFTHSM_BOOL, IN_PRIVATE | IN_SECRET },
	{ CKA_SIGN, SOFTHSM_BOOL, IN_PRIVATE | IN_SECRET },
	{ CKA_SIGN_RECOVER, SOFTHSM_BOOL, IN_PRIVATE },
	{ CKA_UNWRAP, SOFTHSM_BOOL, IN_PRIVATE | IN_SECRET },
	{ CKA_UNWRAP_TEMPLATE, SOFTHSM_MAP, IN_PRIVATE | IN_SECRET },
	{ CKA_WRAP_WITH_TRUSTED, SOFTHSM_BOOL, IN_PRIVATE | IN_SECRET },
	{ CKA_ALWAYS_AUTHENTICATE, SOFTHSM_BOOL, IN_PRIVATE },
	{ CKA_MODULUS, SOFTHSM_BYTES, IN_PUBLIC | IN_PRIVATE },
	{ CKA_PUBLIC_EXPONENT, SOFTHSM_BYTES, IN_PUBLIC | IN_PRIVATE },
	{ CKA_PRIVATE_EXPONENT, SOFTHSM_BYTES, IN_PRIVATE },
	{ CKA_PRIME_1, SOFTHSM_BYTES, IN_PRIVATE },
	{ CKA_PRIME_2, SOFTHSM_BYTES, IN_PRIVATE },
	{ CKA_EXPONENT_1, SOFTHSM_BYTES, IN_PRIVATE },
	{ CKA_EXPONENT_2, SOFTHSM_BYTES, IN_PRIVATE },
	{ CKA_COEFFICIENT, SOFTHSM_BYTES, IN_PRIVATE },
	{ CKA_EC_PARAMS, SOFTHSM_BYTES, IN_PUBLIC | IN_PRIVATE },
	{ CKA_EC_POINT, SOFTHSM_BYTES, IN_PUBLIC | IN_PRIVATE },
};

_Static_assert(ARRAY_LEN(carried) <= TEMPLATE_ATTRS + 16, "no class has them all");

void softhsm_template_clear(struct softhsm_template *t)
{
	secret_clear(&t->room);
	*t = (struct softhsm_template) { 0 };
}

struct work {
	const struct softhsm_object *object;
	const struct secret *key;
	bool sealed; /* its octet strings are encrypted */
	struct softhsm_template *t;
};

/* Room was made for all values at once, so that none of them moves: see room_for(). */
static void *take(struct softhsm_template *t, size_t n)
{
	void *p = t->room.p + t->used;

	t->used += (n + 7) / 8 * 8;
	return p;
}

static size_t room_for(const struct softhsm_object *o)
{
	size_t n = 64;

	for (size_t i = 0; i < o->n; i++)
		n += o->attrs[i].bytes.n * (o->attrs[i].kind == SOFTHSM_MAP ? 2 : 1) + 16;
	return n;
}

static bool is_sealed(const struct work *w, const struct softhsm_attr *a)
{
	return w->sealed && a->type != CKA_START_DATE && a->type != CKA_END_DATE;
}

typedef enum inro_err make_value(const struct work *w, const struct softhsm_attr *a,
				 CK_ATTRIBUTE *ret);

static enum inro_err make_bool(const struct work *w, const struct softhsm_attr *a,
			       CK_ATTRIBUTE *ret)
{
	CK_BBOOL *p = take(w->t, sizeof *p);

	*p = a->number ? CK_TRUE : CK_FALSE;
	*ret = (CK_ATTRIBUTE) { a->type, p, sizeof *p };
	return INRO_OK;
}

static enum inro_err make_ulong(const struct work *w, const struct softhsm_attr *a,
				CK_ATTRIBUTE *ret)
{
	CK_ULONG *p = take(w->t, sizeof *p);

	*p = (CK_ULONG)a->number;
	*ret = (CK_ATTRIBUTE) { a->type, p, sizeof *p };
	return INRO_OK;
}

static enum inro_err make_octets(const struct work *w, const struct softhsm_attr *a,
				 CK_ATTRIBUTE *ret)
{
	uint8_t *p = take(w->t, a->bytes.n);
	size_t n = a->bytes.n;
	enum inro_err e = INRO_OK;

	if (is_sealed(w, a))
		e = softhsm_decrypt(w->key, a->bytes, p, &n);
	else if (n)
		memcpy(p, a->bytes.p, n);
	*ret = (CK_ATTRIBUTE) { a->type, p, n };
	return e ? err_context(e, "%s", cryptoki_attr_name(a->type)) : INRO_OK;
}

static enum inro_err make_mechs(const struct work *w, const struct softhsm_attr *a,
				CK_ATTRIBUTE *ret)
{
	struct bytes in = a->bytes;
	CK_MECHANISM_TYPE *p = take(w->t, in.n);
	size_t n = in.n / 8;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && i < n; i++) {
		uint64_t v = 0;
		e = read_u64(&in, &v);
		p[i] = (CK_MECHANISM_TYPE)v;
	}
	*ret = (CK_ATTRIBUTE) { a->type, p, n * sizeof *p };
	return e;
}

static make_value make_map;

static make_value *const makers[] = {
	[SOFTHSM_BOOL] = make_bool, [SOFTHSM_ULONG] = make_ulong, [SOFTHSM_BYTES] = make_octets,
	[SOFTHSM_MAP] = make_map,   [SOFTHSM_MECHS] = make_mechs,
};

/* What is in a template is never encrypted. */
static enum inro_err make_map(const struct work *w, const struct softhsm_attr *a, CK_ATTRIBUTE *ret)
{
	struct work plain = *w;
	struct softhsm_object map;
	CK_ATTRIBUTE *p = w->t->nested + w->t->n_nested;
	enum inro_err e = softhsm_parse_map(a->bytes, &map);

	if (!e && map.n > TEMPLATE_NESTED)
		e = err_set(INRO_E_DAMAGED, "%s has %zu attributes", cryptoki_attr_name(a->type),
			    map.n);
	plain.sealed = false;
	for (size_t i = 0; !e && i < map.n; i++)
		e = makers[map.attrs[i].kind](&plain, &map.attrs[i], &p[i]);
	if (e)
		return e;
	w->t->n_nested += map.n;
	*ret = (CK_ATTRIBUTE) { a->type, p, map.n * sizeof *p };
	return INRO_OK;
}

static enum inro_err carry(const struct work *w, const struct carried *c)
{
	struct softhsm_template *t = w->t;
	const struct softhsm_attr *a = softhsm_attr(w->object, c->type, c->kind);
	enum inro_err e;

	if (!a || (a->kind >= SOFTHSM_BYTES && !a->bytes.n))
		return INRO_OK;
	if (t->n == TEMPLATE_ATTRS)
		return err_set(INRO_E_DAMAGED, "it has too many attributes");
	e = makers[a->kind](w, a, &t->a[t->n]);
	t->n += !e;
	return e;
}

static int class_row(const struct softhsm_object *o)
{
	CK_ULONG class = softhsm_ulong(o, CKA_CLASS);

	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (classes[i].class == class)
			return (int)i;
	return -1;
}

enum inro_err softhsm_template(const struct softhsm_object *o, const struct secret *key,
			       struct softhsm_template *ret)
{
	struct work w = {
		.object = o, .key = key, .sealed = softhsm_bool(o, CKA_PRIVATE, true), .t = ret
	};
	int row = class_row(o);
	enum inro_err e;

	if (row < 0)
		return err_set(INRO_E_UNSUPPORTED, "objects of its class are not taken");
	e = secret_new(room_for(o), &ret->room);
	for (size_t i = 0; !e && i < ARRAY_LEN(carried); i++)
		if (carried[i].in & classes[row].in)
			e = carry(&w, &carried[i]);
	return e;
}

/* ---- in words ---- */

static void describe_octets(const struct work *w, CK_ATTRIBUTE_TYPE type, bool hex, struct buf *ret)
{
	const struct softhsm_attr *a = softhsm_attr(w->object, type, SOFTHSM_BYTES);
	CK_ATTRIBUTE value;

	if (!a || !a->bytes.n || make_octets(w, a, &value))
		return;
	buf_add_str(ret, hex ? ", id " : " '");
	if (hex)
		buf_add_hex(ret, BYTES(value.pValue, value.ulValueLen));
	else
		buf_add(ret, BYTES(value.pValue, value.ulValueLen));
	buf_add_str(ret, hex ? "" : "'");
}

void softhsm_describe(const struct softhsm_object *o, const struct secret *key, struct buf *ret)
{
	SCOPED(softhsm_template) t = { 0 };
	struct work w = {
		.object = o, .key = key, .sealed = softhsm_bool(o, CKA_PRIVATE, true), &t
	};
	int row = class_row(o);
	CK_ULONG type = softhsm_ulong(o, CKA_KEY_TYPE);
	const char *name = cryptoki_key_type_name(type);

	buf_add_str(ret, row < 0 ? "object" : classes[row].name);
	if (secret_new(room_for(o), &t.room))
		return;
	describe_octets(&w, CKA_LABEL, false, ret);
	if (type != CK_UNAVAILABLE_INFORMATION && name)
		buf_addf(ret, ", %s", name);
	else if (type != CK_UNAVAILABLE_INFORMATION)
		buf_addf(ret, ", key type 0x%lx", type);
	describe_octets(&w, CKA_ID, true, ret);
}
