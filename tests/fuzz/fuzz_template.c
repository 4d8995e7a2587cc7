/* fuzz_template - templates, nested ones too, against the rules of every kind of object: no secret
 * gets among the attributes, one-way attributes keep their direction, what is written is read
 * again. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "pkcs11/token/nest.h"
#include "pkcs11/token/record.h"
#include "pkcs11/token/template.h"
#include "tests/fuzz/feed.h"

/* As object_record() does. */
#define NOT_KEPT (RULE_COLUMN | RULE_PART | RULE_SECRET | RULE_COMPUTED)

static const struct object_kind *some_kind(struct feed *f)
{
	size_t n = 0;

	while (rule_kind_at(n))
		n++;
	return rule_kind_at(feed_below(f, n));
}

static struct template next(struct feed *f)
{
	CK_ULONG n = 0;
	CK_ATTRIBUTE *a = feed_template(f, 3, &n);

	return (struct template) { a, n };
}

/* Into arrays of three sizes, which the reader of an attribute makes up. */
static void give(struct feed *f, const struct attr *a)
{
	CK_ULONG room = feed_below(f, 8);
	CK_ATTRIBUTE *array = feed_memory(f, room * sizeof *array);
	CK_ATTRIBUTE out = { a->type, feed_u8(f) & 1 ? array : NULL, room * sizeof *array };

	for (CK_ULONG i = 0; array && i < room; i++) {
		array[i].ulValueLen = feed_below(f, 32);
		array[i].pValue = feed_u8(f) & 1 ? feed_memory(f, array[i].ulValueLen) : NULL;
	}
	enum inro_err e = nest_give(attr_value(a), &out);

	FUZZ_REQUIRE(e == INRO_OK || e == INRO_E_TOO_SMALL);
}

static void look(struct feed *f, const struct object_kind *kind, const struct attrs *set)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct attr_rule *r = rule_find(kind, set->a[i].type);

		FUZZ_REQUIRE(r && !(r->flags & RULE_SECRET));
		FUZZ_REQUIRE(rule_check_value(r, attr_value(&set->a[i])) == INRO_OK);
		if (r->kind == ATTR_TEMPLATE)
			give(f, &set->a[i]);
	}
}

static void write_and_read(const struct object_kind *kind, const struct attrs *set)
{
	SCOPED(buf) one = { 0 };
	SCOPED(buf) two = { 0 };
	SCOPED(attrs) again = { 0 };

	record_write(kind, set, 0, NOT_KEPT, &one);
	FUZZ_REQUIRE(buf_err(&one) == INRO_OK);
	FUZZ_REQUIRE(record_read(kind, buf_bytes(&one), &again) == INRO_OK);
	record_write(kind, &again, 0, NOT_KEPT, &two);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(&one), buf_bytes(&two)));
}

/* What a key may do is for the security officer to change, in both directions. */
static void keeps_direction(const struct object_kind *kind, unsigned how,
			    const struct attrs *before, const struct attrs *after)
{
	const struct attr_rule *r;

	for (size_t i = 0; (r = rule_at(kind, i)) != NULL; i++) {
		bool was = attrs_bool(before, r->type, false);
		bool is = attrs_bool(after, r->type, false);

		if (r->kind != ATTR_BOOL || !attrs_has(before, r->type))
			continue;
		if ((how & RULE_OFFICER) && (r->flags & RULE_USE))
			continue;
		FUZZ_REQUIRE(!(r->flags & RULE_RAISE) || is || !was);
		FUZZ_REQUIRE(!(r->flags & RULE_LOWER) || was || !is);
	}
}

static void change(struct feed *f, const struct object_kind *kind, struct attrs *set)
{
	static const unsigned hows[] = { RULE_SET, RULE_SET | RULE_COPY, RULE_SET | RULE_OFFICER };
	unsigned how = hows[feed_below(f, ARRAY_LEN(hows))];
	SCOPED(attrs) before = { 0 };
	struct template t = next(f);

	if (template_check(t) || attrs_copy(set, &before))
		return;
	if (template_change(t, kind, how, set) == INRO_OK)
		look(f, kind, set);
	keeps_direction(kind, how, &before, set);
}

static void merge(struct feed *f, const struct attrs *set)
{
	CK_ATTRIBUTE room[TEMPLATE_MERGED_MAX];
	struct template t = next(f), both = { 0 };

	if (template_check(t) == INRO_OK && template_merge(t, set, room, &both) == INRO_OK)
		FUZZ_REQUIRE(both.n >= t.n && both.n <= TEMPLATE_MERGED_MAX);
}

/* Which kind of object, how it comes to be, the template; then changes. */
static void run(struct feed *f)
{
	static const unsigned births[] = { RULE_CREATE, RULE_GEN, RULE_UNWRAP, RULE_DERIVE,
					   RULE_CREATE | RULE_OFFICER };
	SCOPED(attrs) set = { 0 };
	const struct object_kind *kind = some_kind(f);
	unsigned birth = births[feed_below(f, ARRAY_LEN(births))];
	struct template t = next(f);

	if (template_check(t) || template_apply(t, kind, birth, &set))
		return;
	look(f, kind, &set);
	write_and_read(kind, &set);
	for (int i = 0; i < 3; i++)
		change(f, kind, &set);
	merge(f, &set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed f = { .in = BYTES(data, size) };

	run(&f);
	feed_clear(&f);
	return 0;
}
