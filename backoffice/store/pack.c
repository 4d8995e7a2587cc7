/* pack - see pack.h. */
#include "backoffice/store/pack.h"

#include <pthread.h>
#include <string.h>

enum {
	PACK_WORD = 0x1d,
	PACK_HEX = 0x1e,
	PACK_PLAIN = 0x1f,
	FIRST_PLACE = 0x30, /* what stands for a number is printable */
	PLAIN_BASE = 0x40,
};
#define HEX_MIN	 8 /* octets */
#define HEX_MAX	 64
#define GROUP	 7 /* bits a character */
#define ZERO	 "\xc2\x80"

/* The codes of the first words: no tab and no end of a line, which tools for people take for what they are. */
static const uint8_t single[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0b, 0x0c, 0x0e, 0x0f,
				  0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b,
				  0x1c };

/* Each begins with one of "{," and goes on with something else than a quote or brace of its own.  The
 * first two have less than four characters. */
static const char *const words[] = {
	"{}", "\"}", "{\"ca\":\"", "\",\"profile\":\"", "\",\"device\":\"", "\",\"algorithm\":\"",
	"\",\"subject\":\"CN=", "\",\"serial\":\"", "\",\"sha256\":\"", "\",\"not_after\":",
	"\",\"name\":\"", "\",\"ip\":\"", "\",\"mac\":\"", "\",\"hostname\":\"", "\",\"os\":\"",
	"{\"serial\":\"", "{\"device\":\"", "{\"name\":\"", "\",\"subject\":\"", "{\"from\":\"",
	"\",\"to\":\"", "\",\"reason\":\"", "\",\"algorithm\":\"ec-p256\",\"subject\":\"CN=",
	"\",\"sha256\":\"\",\"not_after\":", "\",\"profile\":\"tls-client\",\"device\":\"",
	/* with two octets */
	"\",\"algorithm\":\"ec-p256\",\"subject\":\"", "\",\"algorithm\":\"aes-128\",\"serial\":\"",
	"\",\"algorithm\":\"aes-256\",\"serial\":\"", "\",\"algorithm\":\"rsa-2048\",\"subject\":\"",
	"\",\"algorithm\":\"ec-p384\",\"subject\":\"", "\",\"algorithm\":\"ed25519\",\"subject\":\"",
	"\",\"profile\":\"tls-server\",\"device\":\"", "{\"from\":\"active\",\"to\":\"disabled\"}",
	"{\"from\":\"disabled\",\"to\":\"active\"}", "{\"from\":\"registered\",\"to\":\"active\"}",
	"\",\"replaces\":", ",\"replaces\":", ",\"sha256\":\"", ",\"not_after\":", "\",\"key\":\"",
	"{\"key\":\"", "\",\"group\":\"", "{\"group\":\"", "\",\"request\":\"", "{\"subject\":\"",
	"{\"error\":\"", "\",\"token\":\"", "{\"token\":\"", "\",\"kind\":\"", "{\"kind\":\"",
	"\",\"parent\":\"", "\",\"why\":\"", "{\"why\":\"", "\",\"number\":", "{\"number\":",
	"\",\"state\":\"", "{\"state\":\"", "\",\"id\":\"", "{\"id\":\"", "\",\"from\":\"",
	"\",\"label\":\"", "\",\"role\":\"", "\",\"until\":", "\",\"days\":", "\",\"cause\":\"",
	"{\"reason\":\"", "\",\"generation\":", "{\"generation\":", "\",\"path_len\":",
};
_Static_assert(ARRAY_LEN(words) <= ARRAY_LEN(single) + 0x7f - FIRST_PLACE, "each word has a code");

/* ---- packing ---- */

/* Words that may be at the front of a text, by its first and fourth characters; those of less than
 * four are tried for each. */
#define PLACES	  256
#define SHORT	  2
#define NO_WORD	  0xff
static struct {
	pthread_once_t once;
	uint8_t first[PLACES], next[ARRAY_LEN(words)];
} known = { .once = PTHREAD_ONCE_INIT };
_Static_assert(ARRAY_LEN(words) < NO_WORD, "each word has a number");

static size_t place_of(const char *text)
{
	return ((size_t)(uint8_t)text[0] ^ (size_t)(uint8_t)text[3] << 1) % PLACES;
}

static void know_words(void)
{
	memset(known.first, NO_WORD, sizeof known.first);
	for (size_t i = SHORT; i < ARRAY_LEN(words); i++) {
		uint8_t *first = &known.first[place_of(words[i])];

		known.next[i] = *first;
		*first = (uint8_t)i;
	}
}

static void try_word(const char *text, size_t i, size_t *best, size_t *best_n)
{
	size_t n = strlen(words[i]);

	if (n > *best_n && strncmp(words[i], text, n) == 0) {
		*best = i;
		*best_n = n;
	}
}

/* The longest word at the front of the text; none: ARRAY_LEN(words). */
static size_t find_word(const char *text, size_t *ret_n)
{
	size_t best = ARRAY_LEN(words), best_n = 0;

	*ret_n = 0;
	if (!text[1] || !strchr("\",}{", text[1]) || !strchr("\"{,", text[0]))
		return best;
	(void)pthread_once(&known.once, know_words);
	for (size_t i = 0; i < SHORT; i++)
		try_word(text, i, &best, &best_n);
	if (text[2])
		for (size_t i = known.first[place_of(text)]; i != NO_WORD; i = known.next[i])
			try_word(text, i, &best, &best_n);
	*ret_n = best_n;
	return best;
}

static void add_word(struct buf *out, size_t word)
{
	if (word < ARRAY_LEN(single)) {
		buf_add_u8(out, single[word]);
		return;
	}
	buf_add_u8(out, PACK_WORD);
	buf_add_u8(out, (uint8_t)(FIRST_PLACE + word - ARRAY_LEN(single)));
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static unsigned hex_value(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Of what is written as hex: what it is packed to, each group of one octet or two. */
#define GROUPS_MAX ((8 * HEX_MAX + GROUP - 1) / GROUP)
struct groups {
	uint8_t octets[2 * GROUPS_MAX];
	size_t n;
};

static void add_group(struct groups *g, unsigned bits)
{
	if (bits) {
		g->octets[g->n++] = (uint8_t)bits;
		return;
	}
	memcpy(g->octets + g->n, ZERO, strlen(ZERO));
	g->n += strlen(ZERO);
}

/* How many characters at the front are hex of so many octets that it is worth it. */
static size_t hex_length(const char *text)
{
	size_t n = 0;

	while (n < 2 * HEX_MAX && is_hex(text[n]))
		n++;
	n -= n % 2;
	return n < 2 * HEX_MIN ? 0 : n;
}

static void add_hex(struct buf *out, const char *text, size_t n)
{
	unsigned held = 0, bits = 0;
	struct groups groups;

	groups.n = 0;
	buf_add_u8(out, PACK_HEX);
	buf_add_u8(out, (uint8_t)(FIRST_PLACE + n / 2));
	for (size_t i = 0; i < n; i++) {
		held = held << 4 | hex_value(text[i]);
		bits += 4;
		if (bits < GROUP)
			continue;
		bits -= GROUP;
		add_group(&groups, held >> bits);
		held &= (1U << bits) - 1;
	}
	if (bits)
		add_group(&groups, held << (GROUP - bits));
	buf_add(out, BYTES(groups.octets, groups.n));
}

static bool is_control(char c)
{
	return (uint8_t)c < 0x20;
}

/* Where something that may be packed begins; also at the end. */
static bool may_start(char c)
{
	return is_control(c) || c == '"' || c == '{' || c == ',';
}

/* How much of the text's front was packed.  `open`: a quote is before it. */
static size_t pack_front(const char *text, bool open, struct buf *out)
{
	size_t n, word;

	if ((uint8_t)*text < 0x20) {
		buf_add_u8(out, PACK_PLAIN);
		buf_add_u8(out, (uint8_t)(PLAIN_BASE + *text));
		return 1;
	}
	word = find_word(text, &n);
	if (n) {
		add_word(out, word);
		return n;
	}
	n = open ? hex_length(text) : 0;
	if (n)
		add_hex(out, text, n);
	return n;
}

static size_t plain_length(const char *text)
{
	size_t n = 0;

	while (!may_start(text[n]))
		n++;
	return n ? n : 1;
}

enum inro_err pack_text(const char *text, struct buf *ret)
{
	bool open = false;

	for (size_t n; *text; text += n) {
		n = open || may_start(*text) ? pack_front(text, open, ret) : 0;
		if (!n) {
			n = plain_length(text);
			buf_add(ret, BYTES(text, n));
		}
		open = text[n - 1] == '"';
	}
	buf_add_u8(ret, 0);
	return buf_err(ret);
}

/* ---- unpacking ---- */

static enum inro_err no_packed(void)
{
	return err_set(INRO_E_DAMAGED, "a text in the database is not as it was packed");
}

/* A character's bits; false when it is none of seven bits. */
static bool take_group(const char **p, unsigned *ret)
{
	size_t zero = strlen(ZERO);

	if (strncmp(*p, ZERO, zero) == 0) {
		*p += zero;
		*ret = 0;
		return true;
	}
	*ret = (uint8_t)**p;
	++*p;
	return *ret && *ret < 0x80;
}

static enum inro_err unpack_hex(const char **p, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = (uint8_t)**p - (size_t)FIRST_PLACE;
	unsigned held = 0, bits = 0, group;
	char hex[2 * HEX_MAX];

	if ((uint8_t)**p < FIRST_PLACE || n < HEX_MIN || n > HEX_MAX)
		return no_packed();
	++*p;
	for (size_t at = 0; at < 2 * n; at++) {
		if (bits < 4) {
			if (!take_group(p, &group))
				return no_packed();
			held = held << GROUP | group;
			bits += GROUP;
		}
		bits -= 4;
		hex[at] = digits[held >> bits];
		held &= (1U << bits) - 1;
	}
	buf_add(out, BYTES(hex, 2 * n));
	return held ? no_packed() : INRO_OK;
}

static enum inro_err unpack_plain(const char **p, struct buf *out)
{
	uint8_t c = (uint8_t)**p;

	if (c <= PLAIN_BASE || c >= PLAIN_BASE + 0x20)
		return no_packed();
	++*p;
	buf_add_u8(out, (uint8_t)(c - PLAIN_BASE));
	return INRO_OK;
}

static enum inro_err unpack_word(const char **p, uint8_t code, struct buf *out)
{
	const uint8_t *at = memchr(single, code, sizeof single);
	size_t word = at ? (size_t)(at - single) : ARRAY_LEN(words);

	if (code == PACK_WORD && (uint8_t)**p >= FIRST_PLACE) {
		word = ARRAY_LEN(single) + (uint8_t)**p - FIRST_PLACE;
		++*p;
	}
	if (word >= ARRAY_LEN(words))
		return no_packed();
	buf_add_str(out, words[word]);
	return INRO_OK;
}

static enum inro_err unpack_front(const char **p, struct buf *out)
{
	uint8_t code = (uint8_t)*(*p)++;

	if (code == PACK_HEX)
		return unpack_hex(p, out);
	if (code == PACK_PLAIN)
		return unpack_plain(p, out);
	return unpack_word(p, code, out);
}

enum inro_err unpack_text(const char *packed, struct buf *ret)
{
	enum inro_err e = INRO_OK;

	while (e == INRO_OK && *packed) {
		size_t n = 0;

		while (!is_control(packed[n]))
			n++;
		if (n)
			buf_add(ret, BYTES(packed, n));
		packed += n;
		if (*packed)
			e = unpack_front(&packed, ret);
	}
	buf_add_u8(ret, 0);
	return e == INRO_OK ? buf_err(ret) : e;
}
