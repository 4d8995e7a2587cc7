#include "base/der.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define bad(why) err_set(INRO_E_SYNTAX, "not valid DER: %s", (why))

/* X.690 10.1: the shortest form of a definite length; `at` is its first octet.  Here and below by
 * pointers: everything that is read comes through. */
static enum inro_err long_length(const uint8_t **at, const uint8_t *end, uint8_t first, size_t *ret)
{
	size_t octets = first & 0x7f, n = 0;

	if (first == 0x80)
		return bad("an indefinite length");
	if (octets > 4)
		return bad("a length of more than four octets");
	if (octets > (size_t)(end - *at))
		return bad("it ends within a length");
	if (**at == 0)
		return bad("a length with leading zeros");
	for (size_t i = 0; i < octets; i++)
		n = n << 8 | (*at)[i];
	if (n < 0x80)
		return bad("a long form for a short length");
	*at += octets;
	*ret = n;
	return n >> 28 ? bad("a length beyond 2^28") : INRO_OK;
}

static enum inro_err next(const struct bytes *in, struct der *ret)
{
	const uint8_t *at = in->p, *end = in->n ? in->p + in->n : in->p;
	size_t n;
	enum inro_err e;

	if (at == end)
		return bad("an element is missing");
	ret->tag = *at++;
	if ((ret->tag & 0x1f) == 0x1f)
		return bad("a tag of more than one octet");
	if (at == end)
		return bad("it ends within a length");
	n = *at++;
	e = n < 0x80 ? INRO_OK : long_length(&at, end, (uint8_t)n, &n);
	if (e)
		return e;
	if (n > (size_t)(end - at))
		return bad("an element is longer than what holds it");
	ret->value = BYTES(at, n);
	ret->whole = BYTES(in->p, (size_t)(at - in->p) + n);
	return INRO_OK;
}

static void skip(struct bytes *in, const struct der *d)
{
	*in = BYTES(in->p + d->whole.n, in->n - d->whole.n);
}

enum inro_err der_next(struct bytes *in, struct der *ret)
{
	struct der d;
	enum inro_err e = next(in, &d);

	if (e)
		return e;
	*ret = d;
	skip(in, &d);
	return INRO_OK;
}

static enum inro_err take(struct bytes *in, uint8_t tag, struct der *ret)
{
	enum inro_err e = next(in, ret);

	if (e)
		return e;
	if (ret->tag != tag)
		return err_set(INRO_E_SYNTAX, "not valid DER: tag %02x where %02x belongs",
			       ret->tag, tag);
	skip(in, ret);
	return INRO_OK;
}

enum inro_err der_take(struct bytes *in, uint8_t tag, struct bytes *ret_value)
{
	struct der d;
	enum inro_err e = take(in, tag, &d);

	if (!e)
		*ret_value = d.value;
	return e;
}

enum inro_err der_take_whole(struct bytes *in, uint8_t tag, struct bytes *ret_whole)
{
	struct der d;
	enum inro_err e = take(in, tag, &d);

	if (!e)
		*ret_whole = d.whole;
	return e;
}

int der_peek(struct bytes in)
{
	return in.n ? in.p[0] : -1;
}

enum inro_err der_only(struct bytes in, uint8_t tag, struct bytes *ret_value)
{
	struct bytes value;
	enum inro_err e = der_take(&in, tag, &value);

	if (e)
		return e;
	if (in.n)
		return bad("something follows the last element");
	*ret_value = value;
	return INRO_OK;
}

/* X.690 8.3.2: the first nine bits are neither all ones nor all zeros. */
static enum inro_err take_integer(struct bytes *in, struct bytes *ret)
{
	struct bytes v, rest = *in;
	enum inro_err e = der_take(&rest, DER_INTEGER, &v);

	if (e)
		return e;
	if (v.n == 0)
		return bad("an empty INTEGER");
	if (v.n > 1 && ((v.p[0] == 0 && !(v.p[1] & 0x80)) || (v.p[0] == 0xff && (v.p[1] & 0x80))))
		return bad("an INTEGER with superfluous octets");
	*ret = v;
	*in = rest;
	return INRO_OK;
}

enum inro_err der_take_unsigned(struct bytes *in, struct bytes *ret_magnitude)
{
	struct bytes v, rest = *in;
	enum inro_err e = take_integer(&rest, &v);

	if (e)
		return e;
	if (v.p[0] & 0x80)
		return bad("a negative INTEGER");
	if (v.n > 1 && v.p[0] == 0)
		v = BYTES(v.p + 1, v.n - 1);
	*ret_magnitude = v;
	*in = rest;
	return INRO_OK;
}

enum inro_err der_take_int(struct bytes *in, int64_t *ret)
{
	struct bytes v, rest = *in;
	uint64_t x;
	enum inro_err e = take_integer(&rest, &v);

	if (e)
		return e;
	if (v.n > 8)
		return bad("an INTEGER beyond 64 bits");
	x = v.p[0] & 0x80 ? UINT64_MAX : 0;
	for (size_t i = 0; i < v.n; i++)
		x = x << 8 | v.p[i];
	memcpy(ret, &x, sizeof x);
	*in = rest;
	return INRO_OK;
}

enum inro_err der_take_bits(struct bytes *in, struct bytes *ret_octets)
{
	struct bytes v, rest = *in;
	enum inro_err e = der_take(&rest, DER_BIT_STRING, &v);

	if (e)
		return e;
	if (v.n == 0 || v.p[0] != 0)
		return bad("a BIT STRING that is not whole octets");
	*ret_octets = BYTES(v.p + 1, v.n - 1);
	*in = rest;
	return INRO_OK;
}

size_t der_begin(struct buf *b, uint8_t tag)
{
	buf_add_u8(b, tag);
	buf_add_u8(b, 0); /* the length, if it is short; der_end makes room otherwise */
	return b->n;
}

static int long_octets(size_t n)
{
	int k = 0;

	for (; n; n >>= 8)
		k++;
	return k;
}

void der_end(struct buf *b, size_t mark)
{
	size_t n = b->n - mark;
	int k = long_octets(n);

	if (b->err)
		return;
	if (n < 0x80) {
		b->p[mark - 1] = (uint8_t)n;
		return;
	}
	if (!buf_insert(b, mark, (size_t)k))
		return;
	b->p[mark - 1] = (uint8_t)(0x80 | k);
	for (int i = k; i > 0; i--, n >>= 8)
		b->p[mark + (size_t)i - 1] = (uint8_t)n;
}

void der_add(struct buf *b, uint8_t tag, struct bytes value)
{
	size_t mark = der_begin(b, tag);

	buf_add(b, value);
	der_end(b, mark);
}

void der_add_unsigned(struct buf *b, struct bytes m)
{
	size_t mark = der_begin(b, DER_INTEGER);

	while (m.n && m.p[0] == 0)
		m = BYTES(m.p + 1, m.n - 1);
	if (m.n == 0 || m.p[0] & 0x80)
		buf_add_u8(b, 0);
	buf_add(b, m);
	der_end(b, mark);
}

void der_add_int(struct buf *b, int64_t value)
{
	uint8_t octets[8];
	size_t from = 0;
	uint64_t x;

	memcpy(&x, &value, sizeof x);
	for (size_t i = 8; i > 0; i--, x >>= 8)
		octets[i - 1] = (uint8_t)x;
	while (from < 7 && ((octets[from] == 0 && !(octets[from + 1] & 0x80)) ||
			    (octets[from] == 0xff && (octets[from + 1] & 0x80))))
		from++;
	der_add(b, DER_INTEGER, BYTES(octets + from, 8 - from));
}

void der_add_bool(struct buf *b, bool value)
{
	uint8_t octet = value ? 0xff : 0;

	der_add(b, DER_BOOLEAN, BYTES(&octet, 1));
}

void der_add_bits(struct buf *b, struct bytes octets)
{
	size_t mark = der_begin(b, DER_BIT_STRING);

	buf_add_u8(b, 0);
	buf_add(b, octets);
	der_end(b, mark);
}

static void add_arc(struct buf *b, uint64_t arc)
{
	int shift = 63;

	while (shift > 0 && !(arc >> shift))
		shift -= 7;
	for (; shift > 0; shift -= 7)
		buf_add_u8(b, (uint8_t)(0x80 | (arc >> shift & 0x7f)));
	buf_add_u8(b, arc & 0x7f);
}

#define ARC_MAX (UINT64_MAX >> 1) /* what der_oid_text() reads */

/* One decimal arc off the front of *s, and the dot behind it. */
static bool take_arc(const char **s, uint64_t *ret)
{
	uint64_t v = 0;
	const char *p = *s;

	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (v > (ARC_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (p == *s || (**s == '0' && p - *s > 1) || (*p && *p != '.') || (*p == '.' && !p[1]))
		return false;
	*s = *p ? p + 1 : p;
	*ret = v;
	return true;
}

void der_add_oid(struct buf *b, const char *dotted)
{
	size_t mark = der_begin(b, DER_OID);
	uint64_t first, second, arc;
	bool good = take_arc(&dotted, &first) && take_arc(&dotted, &second) && first <= 2 &&
		    (first == 2 || second < 40);

	if (good)
		add_arc(b, first * 40 + second);
	while (good && *dotted) {
		good = take_arc(&dotted, &arc);
		if (good)
			add_arc(b, arc);
	}
	if (!good && !b->err)
		b->err = err_set(INRO_E_SYNTAX, "not an object identifier in dotted numbers");
	der_end(b, mark);
}

enum inro_err der_oid_text(struct bytes oid, char *out, size_t cap)
{
	SCOPED(buf) text = { 0 };
	uint64_t arc = 0;
	bool first = true, open = true;

	for (size_t i = 0; i < oid.n; i++) {
		if (arc >> 56 || (arc == 0 && oid.p[i] == 0x80))
			return bad("an object identifier's arc");
		arc = arc << 7 | (oid.p[i] & 0x7f);
		open = oid.p[i] & 0x80;
		if (open)
			continue;
		if (first)
			buf_addf(&text, "%d.%llu", arc < 80 ? (int)(arc / 40) : 2,
				 (unsigned long long)(arc < 80 ? arc % 40 : arc - 80));
		else
			buf_addf(&text, ".%llu", (unsigned long long)arc);
		first = false;
		arc = 0;
	}
	if (open)
		return bad("an object identifier that ends within an arc");
	buf_add_u8(&text, 0);
	if (text.err)
		return text.err;
	if (text.n > cap)
		return err_set(INRO_E_TOO_BIG, "an object identifier of %zu characters",
			       text.n - 1);
	memcpy(out, text.p, text.n);
	return INRO_OK;
}

#define YEAR_1950   (-631152000)
#define YEAR_2050   2524608000
#define YEAR_10000  253402300800
#define DAY_SECONDS 86400

static uint8_t *put_digits(uint8_t *at, unsigned v, int n)
{
	for (int i = n - 1; i >= 0; i--) {
		at[i] = (uint8_t)('0' + v % 10);
		v /= 10;
	}
	return at + n;
}

struct date {
	unsigned year, month, day;
};

/* In the years 1950 to 9999.  Counted from 1 March 1600, so that a leap day is a year's last, and
 * cycles of 400 and 4 years all begin alike. */
static struct date date_of(int64_t days)
{
	unsigned n = (unsigned)(days + 135080), cycle = n / 146097, in_cycle = n % 146097;
	unsigned year = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
	unsigned in_year = in_cycle - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * in_year + 2) / 153;
	struct date d = { .day = in_year - (153 * month + 2) / 5 + 1,
			  .month = month < 10 ? month + 3 : month - 9 };

	d.year = 1600 + 400 * cycle + year + (d.month <= 2);
	return d;
}

size_t der_put_time(uint8_t out[static DER_TIME_MAX], int64_t unix_seconds, bool utc)
{
	int64_t since = unix_seconds - YEAR_1950;
	unsigned second = (unsigned)(since % DAY_SECONDS);
	uint8_t *at = out;
	struct date d;

	if (since < 0 || unix_seconds >= YEAR_10000)
		return 0;
	d = date_of(since / DAY_SECONDS + YEAR_1950 / DAY_SECONDS);
	at = put_digits(at, utc ? d.year % 100 : d.year, utc ? 2 : 4);
	at = put_digits(at, d.month, 2);
	at = put_digits(at, d.day, 2);
	at = put_digits(at, second / 3600, 2);
	at = put_digits(at, second / 60 % 60, 2);
	at = put_digits(at, second % 60, 2);
	*at++ = 'Z';
	return (size_t)(at - out);
}

bool der_time_is_utc(int64_t unix_seconds)
{
	return unix_seconds < YEAR_2050;
}

void der_add_time(struct buf *b, int64_t unix_seconds)
{
	bool utc = der_time_is_utc(unix_seconds);
	uint8_t text[DER_TIME_MAX];
	size_t n = der_put_time(text, unix_seconds, utc);

	if (n)
		der_add(b, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME, BYTES(text, n));
	else if (!b->err)
		b->err = err_set(INRO_E_ARG, "a time outside the years 1950 to 9999");
}

static int digits(const uint8_t *p, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return INT_MIN / 2;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to a day of the years 0 to 9999.  Years that begin in March have the day that
 * not all have at their end. */
static int64_t days_to(int year, int month, int day)
{
	int64_t y = year + 400 - (month <= 2); /* never below 0 */
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719468 - 146097;
}

/* MMDDHHMMSSZ after the year.  No timegm(): it takes longer than all else in a certificate, and 31
 * April for 1 May. */
static enum inro_err parse_time(const uint8_t *p, int year, int64_t *ret)
{
	int month = digits(p, 2), day = digits(p + 2, 2), hour = digits(p + 4, 2);
	int minute = digits(p + 6, 2), second = digits(p + 8, 2);

	if (p[10] != 'Z' || year < 0 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0)
		return bad("a time");
	if (month > 12 || day > days_of(year, month) || hour > 23 || minute > 59 || second > 59)
		return bad("a time that does not exist");
	*ret = ((days_to(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
	return INRO_OK;
}

enum inro_err der_take_time(struct bytes *in, int64_t *ret_unix_seconds)
{
	struct bytes rest = *in;
	struct der d;
	int year;
	enum inro_err e = der_next(&rest, &d);

	if (e)
		return e;
	if (d.tag == DER_UTC_TIME && d.value.n == 13) {
		year = digits(d.value.p, 2);
		year += year >= 50 ? 1900 : 2000;
		e = parse_time(d.value.p + 2, year, ret_unix_seconds);
	} else if (d.tag == DER_GENERALIZED_TIME && d.value.n == 15) {
		e = parse_time(d.value.p + 4, digits(d.value.p, 4), ret_unix_seconds);
	} else {
		e = bad("not a time of RFC 5280");
	}
	if (!e)
		*in = rest;
	return e;
}
