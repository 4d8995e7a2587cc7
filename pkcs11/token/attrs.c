/* attrs - a sorted array: sets are small, and read far more often than written. */
#include "pkcs11/token/attrs.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define FIRST_CAP 16

static uint8_t *place(struct attr *a)
{
	return a->n <= ATTR_SMALL ? a->v.small : a->v.heap;
}

struct bytes attr_value(const struct attr *a)
{
	return BYTES(a->n <= ATTR_SMALL ? a->v.small : a->v.heap, a->n);
}

static void drop(struct attr *a)
{
	wipe(place(a), a->n);
	if (a->n > ATTR_SMALL)
		free(a->v.heap);
}

void attrs_clear(struct attrs *s)
{
	for (size_t i = 0; i < s->n; i++)
		drop(&s->a[i]);
	free(s->a);
	*s = (struct attrs) { 0 };
}

/* Where the type is or would go. */
static size_t find(const struct attrs *s, CK_ATTRIBUTE_TYPE type)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->a[mid].type < type)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct attr *attrs_find(const struct attrs *s, CK_ATTRIBUTE_TYPE type)
{
	size_t i = find(s, type);

	return i < s->n && s->a[i].type == type ? &s->a[i] : NULL;
}

static enum inro_err fill(struct attr *a, CK_ATTRIBUTE_TYPE type, struct bytes value)
{
	if (value.n > BUF_MAX)
		return err_set(INRO_E_TOO_BIG, "an attribute of %zu bytes", value.n);
	*a = (struct attr) { .type = type, .n = (uint32_t)value.n };
	if (value.n > ATTR_SMALL) {
		a->v.heap = malloc(value.n);
		if (!a->v.heap)
			return err_set(INRO_E_NO_MEMORY, "no memory for %zu bytes", value.n);
	}
	if (value.n > 0)
		memcpy(place(a), value.p, value.n);
	return INRO_OK;
}

static enum inro_err make_room(struct attrs *s)
{
	if (s->n < s->cap)
		return INRO_OK;
	size_t cap = s->cap ? s->cap * 2 : FIRST_CAP;
	struct attr *a = realloc(s->a, cap * sizeof *a);

	if (!a)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu attributes", cap);
	s->a = a;
	s->cap = cap;
	return INRO_OK;
}

enum inro_err attrs_set(struct attrs *s, CK_ATTRIBUTE_TYPE type, struct bytes value)
{
	struct attr fresh;
	enum inro_err e = make_room(s);

	if (!e)
		e = fill(&fresh, type, value);
	if (e)
		return e;
	size_t i = find(s, type);

	if (i < s->n && s->a[i].type == type) {
		drop(&s->a[i]);
	} else {
		memmove(&s->a[i + 1], &s->a[i], (s->n - i) * sizeof *s->a);
		s->n++;
	}
	s->a[i] = fresh;
	return INRO_OK;
}

enum inro_err attrs_set_bool(struct attrs *s, CK_ATTRIBUTE_TYPE type, bool value)
{
	CK_BBOOL b = value ? CK_TRUE : CK_FALSE;

	return attrs_set(s, type, BYTES(&b, sizeof b));
}

enum inro_err attrs_set_ulong(struct attrs *s, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
	return attrs_set(s, type, BYTES(&value, sizeof value));
}

void attrs_imply(struct attrs *s, CK_ATTRIBUTE_TYPE type)
{
	size_t i = find(s, type);

	if (i < s->n && s->a[i].type == type)
		s->a[i].implied = true;
}

void attrs_remove(struct attrs *s, CK_ATTRIBUTE_TYPE type)
{
	size_t i = find(s, type);

	if (i == s->n || s->a[i].type != type)
		return;
	drop(&s->a[i]);
	s->n--;
	memmove(&s->a[i], &s->a[i + 1], (s->n - i) * sizeof *s->a);
}

enum inro_err attrs_copy(const struct attrs *from, struct attrs *ret)
{
	SCOPED(attrs) copy = { 0 };

	for (size_t i = 0; i < from->n; i++) {
		enum inro_err e = attrs_set(&copy, from->a[i].type, attr_value(&from->a[i]));

		if (e)
			return e;
		copy.a[i].implied = from->a[i].implied;
	}
	*ret = copy;
	copy = (struct attrs) { 0 };
	return INRO_OK;
}

bool attrs_has(const struct attrs *s, CK_ATTRIBUTE_TYPE type)
{
	return attrs_find(s, type) != NULL;
}

struct bytes attrs_bytes(const struct attrs *s, CK_ATTRIBUTE_TYPE type)
{
	const struct attr *a = attrs_find(s, type);

	return a ? attr_value(a) : BYTES_NONE;
}

bool attrs_bool(const struct attrs *s, CK_ATTRIBUTE_TYPE type, bool otherwise)
{
	const struct attr *a = attrs_find(s, type);

	return a && a->n == sizeof(CK_BBOOL) ? a->v.small[0] != CK_FALSE : otherwise;
}

CK_ULONG attrs_ulong(const struct attrs *s, CK_ATTRIBUTE_TYPE type, CK_ULONG otherwise)
{
	const struct attr *a = attrs_find(s, type);
	CK_ULONG value = otherwise;

	if (a && a->n == sizeof value)
		memcpy(&value, a->v.small, sizeof value);
	return value;
}
