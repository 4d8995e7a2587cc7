#include "tests/fuzz/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/cryptoki/mechname.h"
#include "pkcs11/token/mech_private.h"
#include "pkcs11/token/rule.h"
#include "tests/fuzz/input.h"
#include "tests/lib/module.h"

void feed_clear(struct feed *f)
{
	while (f->n > 0)
		free(f->blocks[--f->n].p);
}

uint8_t feed_u8(struct feed *f)
{
	return input_u8(&f->in);
}

size_t feed_below(struct feed *f, size_t n)
{
	size_t x = feed_u8(f);

	if (n > 256)
		x = x << 8 | feed_u8(f);
	return n ? x % n : 0;
}

/* ---- numbers ---- */

static CK_ULONG named(struct feed *f, enum cryptoki_kind kind)
{
	size_t n;
	const struct cryptoki_name *names = cryptoki_names(kind, &n);

	return names[feed_below(f, n)].value;
}

static CK_ULONG any_number(struct feed *f)
{
	uint64_t x = 0;

	return read_u64(&f->in, &x) ? 0 : (CK_ULONG)x;
}

CK_ULONG feed_ulong(struct feed *f)
{
	static const CK_ULONG borders[] = { ~0UL,
					    ~0UL - 1,
					    ULONG_BIT(63),
					    ULONG_BIT(63) - 1,
					    ULONG_BIT(32),
					    0xffffffff,
					    1UL << 31,
					    0x7fffffff,
					    0x10000,
					    0xffff,
					    255,
					    256,
					    128,
					    16384,
					    2048,
					    1024,
					    CKM_VENDOR_DEFINED };
	uint8_t how = feed_u8(f);

	if (how < 128)
		return how;
	if (how < 160)
		return named(f, (enum cryptoki_kind)(how % CRYPTOKI_KIND__MAX));
	return how < 240 ? borders[how % ARRAY_LEN(borders)] : any_number(f);
}

CK_OBJECT_HANDLE feed_object(struct feed *f)
{
	uint8_t how = feed_u8(f);

	return how < 240 && f->objects_n > 0 ? f->objects[how % f->objects_n] : feed_ulong(f);
}

/* ---- bytes ---- */

void *feed_memory(struct feed *f, size_t n)
{
	void *p = f->n < FEED_BLOCKS && n < (size_t)1 << 21 ? calloc(1, n ? n : 1) : NULL;

	if (p)
		f->blocks[f->n++] = (struct feed_block) { p, n };
	return p;
}

static struct bytes copy(struct feed *f, struct bytes from)
{
	uint8_t *p = feed_memory(f, from.n);

	if (!p)
		return BYTES_NONE;
	if (from.n)
		memcpy(p, from.p, from.n);
	return BYTES(p, from.n);
}

#define CANNED(text) BYTES(text, sizeof(text) - 1)

/* What a parser gets past its first check with. */
static struct bytes canned(uint8_t which)
{
	const struct bytes all[] = {
		CANNED("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"),
		CANNED("\x06\x05\x2b\x81\x04\x00\x22"),
		CANNED("\x06\x03\x2b\x65\x70"),
		CANNED("\x06\x03\x2b\x65\x6e"),
		CANNED("\x13\x0c"
		       "edwards25519"),
		CANNED("\x01\x00\x01"),
		CANNED("20260102"),
		CANNED("00000000000000000000000000000000"),
		CANNED("0123456789abcdef"),
		CANNED("a nonce: 12b"),
		CANNED("\x04\x41\x04\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40"
		       "\xf2"
		       "\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\x4f\xe3"
		       "\x42"
		       "\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b"
		       "\x31"
		       "\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5"),
		CANNED("\x30\x00"),
	};

	return all[which % ARRAY_LEN(all)];
}

struct bytes feed_bytes(struct feed *f)
{
	uint8_t how = feed_u8(f);

	return copy(f, how < 192 ? input_part(&f->in, how) : canned(how));
}

struct bytes feed_input(struct feed *f)
{
	static const size_t impossible[] = { ~(size_t)0, SIZE_MAX / 2 + 1, ~(size_t)7 };
	uint8_t how = feed_u8(f);

	if (how < 224)
		return feed_bytes(f);
	if (how < 240)
		return BYTES(NULL, feed_below(f, 64));
	return BYTES(how < 248 ? NULL : feed_memory(f, 1), impossible[how % 3]);
}

/* ---- templates ---- */

static const void *number(struct feed *f, CK_ULONG v)
{
	CK_ULONG *p = feed_memory(f, sizeof v);

	if (p)
		*p = v;
	return p;
}

static struct bytes list(struct feed *f, int depth)
{
	CK_ULONG n = 0;
	CK_ATTRIBUTE *a = feed_template(f, depth - 1, &n);

	return BYTES(a, a ? n * sizeof *a : 0);
}

/* Of the form that the attribute has. */
static struct bytes value(struct feed *f, CK_ATTRIBUTE_TYPE type, int depth)
{
	enum attr_kind form = rule_form(type);

	if (form == ATTR_BOOL)
		return copy(f, BYTES(feed_u8(f) & 1 ? "\1" : "\0", 1));
	if (form == ATTR_TEMPLATE && depth > 0)
		return list(f, depth);
	if (form != ATTR_KIND__MAX && attr_kind_is_ulong(form)) {
		const void *p = number(f, feed_ulong(f));

		return BYTES(p, p ? sizeof(CK_ULONG) : 0);
	}
	return feed_bytes(f);
}

/* Templates in templates are never given a length that is not theirs: what is in them can't be
 * told from what lies behind. */
static CK_ATTRIBUTE attribute(struct feed *f, int depth)
{
	CK_ATTRIBUTE_TYPE type = feed_u8(f) < 250 ? named(f, CRYPTOKI_ATTR) : feed_ulong(f);
	uint8_t how = feed_u8(f);
	struct bytes v = BYTES_NONE;

	if (how < 224)
		v = value(f, type, depth);
	else if (rule_form(type) != ATTR_TEMPLATE)
		v = feed_input(f);
	else
		v = BYTES(NULL, feed_below(f, 64));
	return (CK_ATTRIBUTE) { type, (void *)(uintptr_t)v.p, v.n };
}

CK_ATTRIBUTE *feed_template(struct feed *f, int depth, CK_ULONG *ret_n)
{
	uint8_t n = feed_u8(f);
	CK_ATTRIBUTE *a = feed_memory(f, n % 32 * sizeof *a);

	*ret_n = 0;
	if (n >= 250) {
		*ret_n = ~0UL - n % 3; /* refused before it is looked into */
		return NULL;
	}
	for (CK_ULONG i = 0; a && i < n % 32; i++)
		a[(*ret_n)++] = attribute(f, depth);
	return a;
}

/* ---- parameters of mechanisms ---- */

/*
 * What a structure is made of, a letter each eight bytes of it:
 *   u  a number             b  a flag or two        r  anything
 *   P  bytes, n  how many   N  how many, p  bytes   l  how many of N in bits, instead of n
 *   h  an object's handle   k  rounds               o  an OAEP parameter
 *   D  SP 800-108's fields, how many and where      K  its keys, the same
 *   t  room of 16 bytes     T  room of 64
 */
struct shape {
	mech_param_fn *fn;
	const char *fields[3];
};

static const struct shape shapes[] = {
	{ mech_par_none, { "" } },
	{ mech_par_pss, { "uuu" } },
	{ mech_par_oaep, { "uuuPn" } },
	{ mech_par_eddsa, { "", "bNp" } },
	{ mech_par_context, { "", "uPn" } },
	{ mech_par_hash_context, { "uPnu" } },
	{ mech_par_mac_n, { "u" } },
	{ mech_par_iv16, { "rr" } },
	{ mech_par_iv8, { "r" } },
	{ mech_par_ctr, { "urr" } },
	{ mech_par_gcm, { "PnuPnu", "PnPnu", "PnuuPnu" } },
	{ mech_par_gmac, { "PnuPnu", "rr" } },
	{ mech_par_ccm, { "uPnPnu", "uPnuuPnu" } },
	{ mech_par_chacha, { "PlPl" } },
	{ mech_par_poly1305, { "PnPn" } },
	{ mech_par_kw, { "", "r" } },
	{ mech_par_kwp, { "" } },
	{ mech_par_ecdh, { "uNpNp" } },
	{ mech_par_rsa_aes, { "uo" } },
	{ mech_par_ecdh_aes, { "uuNp" } },
	{ mech_par_hkdf, { "buuPnhPn" } },
	{ mech_par_counter, { "uDK" } },
	{ mech_par_feedback, { "uDNpK" } },
	{ mech_par_pbkd2, { "uPnkuPnPn" } },
	{ mech_par_other_key, { "h" } },
	{ mech_par_string, { "Pn" } },
};

static const char *const messages[] = { "Tnuutu", "uTnuutu", "Tnt" };

#define WORDS 16

struct words {
	CK_ULONG at[WORDS];
	size_t n;
	struct bytes pair; /* the second half is still to come */
};

static void word(struct words *w, CK_ULONG v)
{
	if (w->n < WORDS)
		w->at[w->n++] = v;
}

static void pointer(struct words *w, const void *p)
{
	word(w, (CK_ULONG)(uintptr_t)p);
}

static CK_ULONG sized(struct feed *f, const char *fields, struct words *ret);

static void put_oaep(struct feed *f, struct words *w)
{
	struct words inner = { 0 };
	CK_ULONG n = sized(f, "uuuPn", &inner);

	pointer(w, feed_u8(f) < 240 ? copy(f, BYTES(inner.at, n)).p : NULL);
}

/* The formats have structures of their own, whose size is checked before it is looked into. */
static void put_fields(struct feed *f, struct words *w)
{
	size_t n = feed_u8(f) % 6;
	CK_PRF_DATA_PARAM *p = feed_memory(f, n * sizeof *p);

	for (size_t i = 0; p && i < n; i++) {
		struct bytes v = BYTES_NONE;
		uint8_t how = feed_u8(f);

		p[i].type = how % 6;
		if (how < 128) {
			struct words inner = { 0 };
			CK_ULONG size = sized(f, how & 64 ? "bu" : "ubu", &inner);

			v = copy(f, BYTES(inner.at, size));
		} else {
			v = feed_input(f);
		}
		p[i].pValue = (void *)(uintptr_t)v.p;
		p[i].ulValueLen = v.n;
	}
	word(w, p ? n : feed_below(f, 4));
	pointer(w, p);
}

static void put_keys(struct feed *f, struct words *w)
{
	size_t n = feed_u8(f) % 4;
	CK_DERIVED_KEY *k = feed_memory(f, n * sizeof *k);

	for (size_t i = 0; k && i < n; i++) {
		k[i].pTemplate = feed_template(f, 1, &k[i].ulAttributeCount);
		k[i].phKey = feed_u8(f) < 240 ? feed_memory(f, sizeof *k[i].phKey) : NULL;
	}
	word(w, k ? n : feed_below(f, 4));
	pointer(w, k);
}

static void put_pair(struct feed *f, struct words *w, char letter)
{
	if (letter == 'P' || letter == 'N')
		w->pair = feed_input(f);
	if (letter == 'P' || letter == 'p')
		pointer(w, w->pair.p);
	else
		word(w, letter == 'l' && w->pair.n < 1024 ? w->pair.n * 8 : w->pair.n);
}

static void put_room(struct feed *f, struct words *w, char letter)
{
	size_t n = letter == 't' ? 16 : feed_u8(f) % 64;

	w->pair = BYTES(feed_u8(f) < 240 ? feed_memory(f, n) : NULL, n);
	pointer(w, w->pair.p);
}

static void put_number(struct feed *f, struct words *w, char letter)
{
	if (letter == 'b')
		word(w, feed_u8(f) | (CK_ULONG)feed_u8(f) << 8);
	else if (letter == 'h')
		word(w, feed_object(f));
	else if (letter == 'k')
		word(w, feed_u8(f) < 250 ? feed_below(f, 1000) : ~0UL);
	else
		word(w, letter == 'r' ? any_number(f) : feed_ulong(f));
}

static void put(struct feed *f, struct words *w, char letter)
{
	if (strchr("PnNpl", letter))
		put_pair(f, w, letter);
	else if (strchr("tT", letter))
		put_room(f, w, letter);
	else if (letter == 'o')
		put_oaep(f, w);
	else if (letter == 'D')
		put_fields(f, w);
	else if (letter == 'K')
		put_keys(f, w);
	else
		put_number(f, w, letter);
}

/* The size in bytes. */
static CK_ULONG sized(struct feed *f, const char *fields, struct words *ret)
{
	for (; *fields; fields++)
		put(f, ret, *fields);
	return ret->n * sizeof *ret->at;
}

static const struct shape *shape_of(const struct mech *m)
{
	for (size_t i = 0; m && i < ARRAY_LEN(shapes); i++) {
		if (shapes[i].fn == m->param)
			return &shapes[i];
	}
	return NULL;
}

/* Any bytes, but of no size that would be taken for a structure with pointers. */
static struct bytes shapeless(struct feed *f)
{
	struct bytes x = feed_input(f);

	if (x.n % 8 == 0 && x.n > 16 && x.n <= 8 * WORDS)
		x.n -= 1;
	return x;
}

static struct bytes parameter(struct feed *f, const struct mech *m)
{
	const struct shape *s = shape_of(m);
	uint8_t how = feed_u8(f);
	struct words w = { 0 };

	if (!s || how >= 240)
		return shapeless(f);
	const char *fields = s->fields[how % 3] ? s->fields[how % 3] : s->fields[0];
	CK_ULONG n = sized(f, fields, &w);

	return n ? copy(f, BYTES(w.at, n)) : BYTES_NONE;
}

CK_MECHANISM *feed_mechanism(struct feed *f)
{
	CK_MECHANISM *m = feed_memory(f, sizeof *m);
	uint8_t how = feed_u8(f);
	struct bytes param;

	if (!m || how >= 252)
		return NULL;
	m->mechanism = how < 240 ? mech_rows[feed_below(f, mech_rows_n)].type : feed_ulong(f);
	param = parameter(f, mech_find(m->mechanism));
	m->pParameter = (void *)(uintptr_t)param.p;
	m->ulParameterLen = param.n;
	return m;
}

CK_MECHANISM *feed_sealing(struct feed *f)
{
	static const CK_MECHANISM_TYPE aeads[] = { CKM_AES_GCM, CKM_AES_CCM,
						   CKM_CHACHA20_POLY1305 };
	CK_MECHANISM *m = feed_memory(f, sizeof *m);
	uint8_t how = feed_u8(f);
	struct bytes param;

	if (!m || how >= 252)
		return NULL;
	m->mechanism = how < 240 ? aeads[how % ARRAY_LEN(aeads)] : feed_ulong(f);
	param = feed_message(f);
	m->pParameter = (void *)(uintptr_t)param.p;
	m->ulParameterLen = param.n;
	return m;
}

struct bytes feed_message(struct feed *f)
{
	uint8_t how = feed_u8(f);
	struct words w = { 0 };

	if (how >= 240)
		return shapeless(f);
	CK_ULONG n = sized(f, messages[how % ARRAY_LEN(messages)], &w);

	return copy(f, BYTES(w.at, n));
}
