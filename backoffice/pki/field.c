#include "backoffice/pki/field.h"

#include <string.h>

#include "backoffice/pki/dn.h"
#include "backoffice/pki/ext.h"
#include "backoffice/pki/san.h"
#include "backoffice/pki/text.h"

#define DAY	   INT64_C(86400)
#define YEAR	   (365 * DAY)
#define PERIOD_MAX (1000 * YEAR)

static bool parse_text(const struct field *f, struct bytes value, void *at)
{
	char **to = at;
	size_t n;

	(void)f;
	if (!text_is_utf8(value, &n))
		return false;
	*to = value.n ? strndup((const char *)value.p, value.n) : NULL;
	return *to || value.n == 0;
}

static void print_text(const struct field *f, const void *at, struct buf *out)
{
	(void)f;
	buf_add_str(out, *(char *const *)at);
}

static bool parse_name(const struct field *f, struct bytes value, void *at)
{
	for (size_t i = 0; i < value.n; i++)
		if (!text_is_digit(value.p[i]) && value.p[i] != '-' &&
		    (value.p[i] < 'a' || value.p[i] > 'z'))
			return false;
	return value.n > 0 && value.n <= 64 && parse_text(f, value, at);
}

/* Decimal digits off the front; false when there is none or it is above max. */
static bool take_number(struct bytes *in, int64_t max, int64_t *ret)
{
	int64_t v = 0;
	size_t n = 0;

	for (; n < in->n && text_is_digit(in->p[n]); n++) {
		v = v * 10 + (in->p[n] - '0');
		if (v > max)
			return false;
	}
	*in = n ? BYTES(in->p + n, in->n - n) : *in;
	*ret = v;
	return n > 0;
}

static bool parse_number(const struct field *f, struct bytes value, void *at)
{
	int64_t v;

	if (!take_number(&value, f->max, &v) || value.n || v < f->min)
		return false;
	*(unsigned *)at = (unsigned)v;
	return true;
}

static void print_number(const struct field *f, const void *at, struct buf *out)
{
	(void)f;
	buf_addf(out, "%u", *(const unsigned *)at);
}

static const struct {
	const char *unit;
	int64_t seconds;
} units[] = { { "y", YEAR }, { "d", DAY }, { "h", 3600 } };

static bool parse_period(const struct field *f, struct bytes value, void *at)
{
	int64_t v, *to = at;

	(void)f;
	if (bytes_is(value, "forever")) {
		*to = 0;
		return true;
	}
	if (!take_number(&value, PERIOD_MAX / 3600, &v) || v == 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (bytes_is(value, units[i].unit) && v <= PERIOD_MAX / units[i].seconds) {
			*to = v * units[i].seconds;
			return true;
		}
	return false;
}

static void print_period(const struct field *f, const void *at, struct buf *out)
{
	int64_t v = *(const int64_t *)at;
	size_t i = 0;

	(void)f;
	if (v == 0) {
		buf_add_str(out, "forever");
		return;
	}
	while (i + 1 < ARRAY_LEN(units) && v % units[i].seconds)
		i++;
	buf_addf(out, "%lld%s", (long long)(v / units[i].seconds), units[i].unit);
}

static bool parse_span(const struct field *f, struct bytes value, void *at)
{
	if (!bytes_is(value, "none"))
		return parse_period(f, value, at) && *(const int64_t *)at > 0;
	*(int64_t *)at = 0;
	return true;
}

static void print_span(const struct field *f, const void *at, struct buf *out)
{
	if (*(const int64_t *)at)
		print_period(f, at, out);
	else
		buf_add_str(out, "none");
}

/* Its keys are the OIDs themselves (profile.c); the word OID is none. */
static bool parse_exts(const struct field *f, struct bytes value, void *at)
{
	(void)f;
	(void)at;
	return value.n == 0;
}

static void print_exts(const struct field *f, const void *at, struct buf *out)
{
	(void)f;
	(void)at;
	(void)out;
}

static bool parse_choice(const struct field *f, struct bytes value, void *at)
{
	for (unsigned i = 0; i < f->words_n; i++)
		if (bytes_is(value, f->words[i])) {
			*(unsigned *)at = i;
			return true;
		}
	return false;
}

static void print_choice(const struct field *f, const void *at, struct buf *out)
{
	buf_add_str(out, f->words[*(const unsigned *)at]);
}

static bool parse_bool(const struct field *f, struct bytes value, void *at)
{
	(void)f;
	*(bool *)at = bytes_is(value, "yes");
	return bytes_is(value, "yes") || bytes_is(value, "no");
}

static void print_bool(const struct field *f, const void *at, struct buf *out)
{
	(void)f;
	buf_add_str(out, *(const bool *)at ? "yes" : "no");
}

static bool parse_bits(const struct field *f, struct bytes value, void *at)
{
	struct bytes word;
	unsigned bits = 0;

	while (text_word(&value, &word)) {
		unsigned bit = f->find(word);

		if (!bit || bits & bit)
			return false;
		bits |= bit;
	}
	*(unsigned *)at = bits;
	return true;
}

static void print_bits(const struct field *f, const void *at, struct buf *out)
{
	f->text(*(const unsigned *)at, out);
}

static bool parse_types(const struct field *f, struct bytes value, void *at)
{
	struct bytes word;
	uint64_t bits = 0;

	(void)f;
	while (text_word(&value, &word)) {
		const struct dn_type *t = dn_type_find(word);
		uint64_t bit = t ? UINT64_C(1) << (t - dn_type_at(0)) : 0;

		if (!bit || bits & bit)
			return false;
		bits |= bit;
	}
	*(uint64_t *)at = bits;
	return true;
}

static void print_types(const struct field *f, const void *at, struct buf *out)
{
	uint64_t bits = *(const uint64_t *)at;
	const char *blank = "";

	(void)f;
	for (size_t i = 0; dn_type_at(i); i++)
		if (bits >> i & 1) {
			buf_addf(out, "%s%s", blank, dn_type_at(i)->name);
			blank = " ";
		}
}

unsigned field_san_find(struct bytes word)
{
	enum san_kind k = san_kind_find(word);

	return k < SAN_OTHER ? 1u << k : 0;
}

static void print_kinds(unsigned bits, const char *between, struct buf *out)
{
	const char *gap = "";

	for (int k = 0; k < SAN_OTHER; k++)
		if (bits >> k & 1) {
			buf_addf(out, "%s%s", gap, san_kind_name((enum san_kind)k));
			gap = between;
		}
}

void field_san_bits_text(unsigned bits, struct buf *out)
{
	print_kinds(bits, " ", out);
}

/* "URI DNS|IP": a URI, and a DNS name or an address. */
static bool parse_group(struct bytes word, unsigned *ret)
{
	unsigned bits = 0;

	for (;;) {
		const uint8_t *bar = word.n ? memchr(word.p, '|', word.n) : NULL;
		struct bytes one = BYTES(word.p, bar ? (size_t)(bar - word.p) : word.n);

		if (!field_san_find(one))
			return false;
		bits |= field_san_find(one);
		if (!bar)
			break;
		word = BYTES(bar + 1, word.n - one.n - 1);
	}
	*ret = bits;
	return true;
}

static bool parse_groups(const struct field *f, struct bytes value, void *at)
{
	struct profile_groups g = { 0 };
	struct bytes word;

	(void)f;
	while (text_word(&value, &word)) {
		if (g.n == PROFILE_SAN_GROUPS || !parse_group(word, &g.bits[g.n]))
			return false;
		g.n++;
	}
	*(struct profile_groups *)at = g;
	return true;
}

static void print_groups(const struct field *f, const void *at, struct buf *out)
{
	const struct profile_groups *g = at;

	(void)f;
	for (size_t i = 0; i < g->n; i++) {
		buf_add_str(out, i ? " " : "");
		print_kinds(g->bits[i], "|", out);
	}
}

static bool parse_path(const struct field *f, struct bytes value, void *at)
{
	int64_t v = EXT_PATH_LEN_NONE;

	if (!bytes_is(value, "none") && (!take_number(&value, f->max, &v) || value.n))
		return false;
	*(int *)at = (int)v;
	return true;
}

static void print_path(const struct field *f, const void *at, struct buf *out)
{
	int v = *(const int *)at;

	(void)f;
	if (v == EXT_PATH_LEN_NONE)
		buf_add_str(out, "none");
	else
		buf_addf(out, "%d", v);
}

/* One word for types whose names begin alike: a line of a file has no room for all of them. */
static const char *const key_groups[] = { "slh-dsa-*", "slh-dsa-sha2-*", "slh-dsa-shake-*",
					  "ec-brainpool*" };

static uint64_t key_group(const char *group)
{
	uint64_t bits = 0;

	for (int k = PKI_KEY_NONE + 1; k < PKI_KEY__MAX; k++)
		if (!strncmp(pki_key_type((enum pki_key)k)->name, group, strlen(group) - 1))
			bits |= PKI_KEY_BIT(k);
	return bits;
}

static uint64_t find_key(struct bytes word)
{
	for (int k = PKI_KEY_NONE + 1; k < PKI_KEY__MAX; k++)
		if (pki_key_signs((enum pki_key)k) &&
		    bytes_is(word, pki_key_type((enum pki_key)k)->name))
			return PKI_KEY_BIT(k);
	for (size_t i = 0; i < ARRAY_LEN(key_groups); i++)
		if (bytes_is(word, key_groups[i]))
			return key_group(key_groups[i]);
	return 0;
}

static bool parse_keys(const struct field *f, struct bytes value, void *at)
{
	struct bytes word;
	uint64_t bits = 0;

	(void)f;
	while (text_word(&value, &word)) {
		uint64_t bit = find_key(word);

		if (!bit || bits & bit)
			return false;
		bits |= bit;
	}
	*(uint64_t *)at = bits;
	return true;
}

static void print_keys(const struct field *f, const void *at, struct buf *out)
{
	uint64_t bits = *(const uint64_t *)at;
	const char *blank = "";

	(void)f;
	for (int k = PKI_KEY_NONE + 1; k < PKI_KEY__MAX; k++) {
		uint64_t group = PKI_KEY_BIT(k);
		const char *word = pki_key_type((enum pki_key)k)->name;

		for (size_t i = ARRAY_LEN(key_groups); i-- > 0;)
			if (key_group(key_groups[i]) & group && !(key_group(key_groups[i]) & ~bits)) {
				group |= key_group(key_groups[i]);
				word = key_groups[i];
			}
		if (!(bits & group))
			continue;
		buf_addf(out, "%s%s", blank, word);
		blank = " ";
		bits &= ~group;
	}
}

const struct kind kind_text = { parse_text, print_text };
const struct kind kind_name = { parse_name, print_text };
const struct kind kind_number = { parse_number, print_number };
const struct kind kind_period = { parse_period, print_period };
const struct kind kind_choice = { parse_choice, print_choice };
const struct kind kind_bool = { parse_bool, print_bool };
const struct kind kind_bits = { parse_bits, print_bits };
const struct kind kind_keys = { parse_keys, print_keys };
const struct kind kind_types = { parse_types, print_types };
const struct kind kind_groups = { parse_groups, print_groups };
const struct kind kind_path = { parse_path, print_path };
const struct kind kind_span = { parse_span, print_span };
const struct kind kind_exts = { parse_exts, print_exts };
