/* crl - a list's entries in a temporary file, and what goes around them; see crl.h. */
#include "backoffice/pki/crl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "backoffice/pki/dn.h"
#include "backoffice/pki/pem.h"
#include "base/der.h"
#include "base/file.h"

#define V2	    1
#define PIECE	    ((size_t)PEM_LINE << 10)
#define DAY_SECONDS 86400

/* A list's lengths have three octets mostly, with more than this of entries four. */
#define MOSTLY ((size_t)1 << 20)
#define MANY   (((size_t)1 << 24) - 65536)

static const char *const reasons[CRL_REASON__MAX] = {
	[CRL_UNSPECIFIED] = "unspecified",
	[CRL_KEY_COMPROMISE] = "keyCompromise",
	[CRL_CA_COMPROMISE] = "cACompromise",
	[CRL_AFFILIATION_CHANGED] = "affiliationChanged",
	[CRL_SUPERSEDED] = "superseded",
	[CRL_CESSATION] = "cessationOfOperation",
	[CRL_HOLD] = "certificateHold",
	[CRL_REMOVE] = "removeFromCRL",
	[CRL_PRIVILEGE_WITHDRAWN] = "privilegeWithdrawn",
	[CRL_AA_COMPROMISE] = "aACompromise",
};

const char *crl_reason_name(unsigned reason)
{
	return reason < CRL_REASON__MAX ? reasons[reason] : NULL;
}

enum inro_err crl_reason_find(const char *name, enum crl_reason *ret)
{
	SCOPED(buf) known = { 0 };

	for (unsigned i = 0; i < CRL_REASON__MAX; i++) {
		if (!reasons[i])
			continue;
		if (!strcasecmp(reasons[i], name)) {
			*ret = (enum crl_reason)i;
			return INRO_OK;
		}
		buf_addf(&known, "%s%s", known.n ? ", " : "", reasons[i]);
	}
	return err_set(INRO_E_ARG, "no reason is called '%.64s'; there are %.*s", name,
		       (int)known.n, (const char *)known.p);
}

void crl_clear(struct crl *c)
{
	buf_clear(&c->before);
	buf_clear(&c->after);
	free(c->room);
	if (c->entries)
		fclose(c->entries);
	*c = (struct crl) { 0 };
}

static enum inro_err spool_err(const char *what)
{
	return err_set(file_err_code(errno), "%s the temporary file of a list: %s", what,
		       strerror(errno));
}

enum inro_err crl_begin(struct crl *c, const char *beside)
{
	*c = (struct crl) { .room = malloc(PIECE) };
	if (!c->room)
		return err_set(INRO_E_NO_MEMORY, "no memory for a list");
	c->entries = file_spool(beside);
	return c->entries ? INRO_OK : spool_err("making");
}

static enum inro_err write_at(struct crl *c, size_t at, struct bytes from)
{
	while (from.n) {
		ssize_t n = pwrite(fileno(c->entries), from.p, from.n, (off_t)at);

		if (n < 0 && errno != EINTR)
			return spool_err("writing");
		if (n > 0) {
			from = BYTES(from.p + n, from.n - (size_t)n);
			at += (size_t)n;
		}
	}
	return INRO_OK;
}

/* Into c->room. */
static enum inro_err read_at(struct crl *c, size_t at, size_t n)
{
	for (size_t have = 0; have < n;) {
		ssize_t got = pread(fileno(c->entries), c->room + have, n - have,
				    (off_t)(at + have));

		if (got == 0)
			errno = EIO;
		if (got == 0 || (got < 0 && errno != EINTR))
			return spool_err("reading");
		have += got > 0 ? (size_t)got : 0;
	}
	return INRO_OK;
}

/* c->room is free.  What moves up is copied from its end on. */
static enum inro_err move_entries(struct crl *c, size_t to)
{
	enum inro_err e = INRO_OK;

	for (size_t left = c->octets, n; !e && left; left -= n) {
		size_t at;

		n = left < PIECE ? left : PIECE;
		at = to > c->gap ? left - n : c->octets - left;
		e = read_at(c, c->gap + at, n);
		if (!e)
			e = write_at(c, to + at, BYTES(c->room, n));
	}
	c->gap = to;
	return e;
}

static enum inro_err flush(struct crl *c)
{
	size_t n = c->pending;
	bool grown = c->gap && c->octets < MANY && c->octets + n >= MANY;
	enum inro_err e = INRO_OK;

	if (c->octets + n > CRL_MAX)
		return err_set(INRO_E_TOO_BIG, "a list of more than %zu MB; a CA with so many is "
					       "divided into shards",
			       CRL_MAX >> 20);
	e = write_at(c, c->gap + c->octets, BYTES(c->room, n));
	c->octets += n;
	c->pending = 0;
	/* The lengths of the list, of what is signed and of the entries. */
	return !e && grown ? move_entries(c, c->gap + 3) : e;
}

/* An entry is at most so long, and each length in it one octet. */
#define ENTRY_MAX 96

/* A list has very many entries: each is put together where it stays. */
struct entry {
	uint8_t *octets;
	size_t n;
};

static void put(struct entry *e, struct bytes x)
{
	memcpy(e->octets + e->n, x.p, x.n);
	e->n += x.n;
}

static void put_octet(struct entry *e, size_t octet)
{
	e->octets[e->n++] = (uint8_t)octet;
}

/* The length in front of what was put since `mark`, which is that of the octet kept for it. */
static void close_length(struct entry *e, size_t mark)
{
	e->octets[mark] = (uint8_t)(e->n - mark - 1);
}

static void put_serial(struct entry *e, struct bytes serial)
{
	size_t zero = serial.p[0] >> 7;

	put_octet(e, DER_INTEGER);
	put_octet(e, serial.n + zero);
	if (zero)
		put_octet(e, 0);
	put(e, serial);
}

/* A time outside 1950 to 9999 is left out, and makes the entry one that is refused. */
static bool put_time(struct entry *e, int64_t when, bool utc)
{
	size_t n = der_put_time(e->octets + e->n + 2, when, utc);

	put_octet(e, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME);
	put_octet(e, n);
	e->n += n;
	return n != 0;
}

static void put_two_digits(struct entry *e, unsigned v)
{
	put_octet(e, '0' + v / 10);
	put_octet(e, '0' + v % 10);
}

/* Of the day that the time before had: its date is copied. */
static void put_clock(struct entry *e, const struct crl_day *day, unsigned second)
{
	put(e, BYTES(day->head, sizeof day->head));
	put_two_digits(e, second / 3600);
	put_two_digits(e, second / 60 % 60);
	put_two_digits(e, second % 60);
	put_octet(e, 'Z');
}

static bool put_revoked_at(struct entry *e, struct crl_day *day, int64_t when)
{
	bool utc = der_time_is_utc(when), good;
	size_t mark = e->n;

	if (utc && when >= day->begin && when < day->end) {
		put_clock(e, day, (unsigned)(when - day->begin));
		return true;
	}
	good = put_time(e, when, utc);
	if (good && utc && when >= 0) {
		memcpy(day->head, e->octets + mark, sizeof day->head);
		day->begin = when - when % DAY_SECONDS;
		day->end = day->begin + DAY_SECONDS;
	}
	return good;
}

/* RFC 5280 5.3.1: ENUMERATED in an OCTET STRING. */
static void put_reason(struct entry *e, enum crl_reason reason)
{
	static const struct bytes head =
		BYTES_LIT("\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01");

	put(e, head);
	put_octet(e, reason);
}

/* RFC 5280 5.3.2: always GeneralizedTime, even before 2050. */
static bool put_invalidity(struct entry *e, int64_t since)
{
	static const struct bytes head =
		BYTES_LIT("\x30\x18\x06\x03\x55\x1d\x18\x04\x11");

	put(e, head);
	return put_time(e, since, false);
}

static bool put_extensions(struct entry *out, const struct crl_entry *e)
{
	size_t mark;
	bool good = true;

	put_octet(out, DER_SEQUENCE);
	mark = out->n++;
	if (e->reason != CRL_UNSPECIFIED)
		put_reason(out, e->reason);
	if (e->invalid_since)
		good = put_invalidity(out, e->invalid_since);
	close_length(out, mark);
	return good;
}

static bool put_entry(struct entry *out, const struct crl_entry *e, struct bytes serial,
		      struct crl_day *day)
{
	size_t mark;
	bool good;

	put_octet(out, DER_SEQUENCE);
	mark = out->n++;
	put_serial(out, serial);
	good = put_revoked_at(out, day, e->revoked_at);
	if (e->reason != CRL_UNSPECIFIED || e->invalid_since)
		good = put_extensions(out, e) && good;
	close_length(out, mark);
	return good;
}

enum inro_err crl_add(struct crl *c, const struct crl_entry *e)
{
	struct bytes serial = e->serial;
	struct entry out = { .octets = c->room + c->pending };

	while (serial.n > 1 && serial.p[0] == 0)
		serial = BYTES(serial.p + 1, serial.n - 1);
	if (!crl_reason_name(e->reason) || serial.n == 0 || serial.n > CERT_SERIAL_MAX)
		return err_set(INRO_E_ARG, "a list entry without a right serial or reason");
	if (!put_entry(&out, e, serial, &c->day))
		return err_set(INRO_E_ARG, "a list entry with a time outside the years 1950 to "
					   "9999");
	c->pending += out.n;
	c->n++;
	return c->pending + ENTRY_MAX <= PIECE ? INRO_OK : flush(c);
}

static void add_extensions(struct buf *b, const struct crl_head *h, struct bytes key_id)
{
	size_t wrapped = der_begin(b, DER_CONTEXT_CONSTRUCTED);
	size_t list = der_begin(b, DER_SEQUENCE);
	SCOPED(buf) number = { 0 };

	buf_add_u64(&number, h->number);
	ext_add_aki(b, key_id);
	ext_add_crl_number(b, buf_bytes(&number));
	buf_reset(&number);
	buf_add_u64(&number, h->base);
	if (h->base)
		ext_add_delta_base(b, buf_bytes(&number));
	if (h->part_url)
		ext_add_crl_part(b, h->part_url);
	if (h->delta_url)
		ext_add_freshest(b, h->delta_url);
	der_end(b, list);
	der_end(b, wrapped);
}

static enum inro_err check_head(const struct crl_head *h)
{
	const struct cert *ca = h->issuer;

	if (h->next_update <= h->this_update)
		return err_set(INRO_E_ARG, "a list whose next update is not after this one");
	if (h->base && (h->base >= h->number || h->delta_url))
		return err_set(INRO_E_ARG, "a delta that is not after its base, or has deltas");
	if (ca->ext.has_key_usage && !(ca->ext.key_usage & USAGE_CRL_SIGN))
		return err_set(INRO_E_POLICY, "the CA's certificate does not allow its key to sign "
					      "revocation lists");
	return INRO_OK;
}

/* A header of n octets of content, of which those behind `at` are here and the others are not. */
static void add_header(struct buf *b, size_t at, size_t n)
{
	SCOPED(buf) h = { 0 };
	size_t octets = 1;
	uint8_t *room;

	buf_add_u8(&h, DER_SEQUENCE);
	if (n < 0x80) {
		buf_add_u8(&h, (uint8_t)n);
	} else {
		while (octets < sizeof n && n >> (8 * octets))
			octets++;
		buf_add_u8(&h, (uint8_t)(0x80 | octets));
		while (octets--)
			buf_add_u8(&h, (uint8_t)(n >> (8 * octets)));
	}
	room = h.err ? NULL : buf_insert(b, at, h.n);
	if (room)
		memcpy(room, h.p, h.n);
	else if (!b->err)
		b->err = INRO_E_NO_MEMORY;
}

static enum inro_err frame(struct crl *c, const struct crl_head *head, struct bytes key_id)
{
	struct buf *b = &c->before;

	der_add_int(b, V2);
	buf_add(b, c->sig->identifier);
	buf_add(b, head->issuer->subject);
	der_add_time(b, head->this_update);
	der_add_time(b, head->next_update);
	if (c->n) /* RFC 5280 5.1.2.6: absent when there is none */
		add_header(b, b->n, c->octets);
	add_extensions(&c->after, head, key_id);
	add_header(b, 0, b->n + c->octets + c->after.n);
	return b->err ? b->err : c->after.err;
}

enum inro_err crl_frame(struct crl *c, const struct crl_head *head)
{
	const struct cert *ca = head->issuer;
	uint8_t id[PUBKEY_ID_OCTETS];
	struct bytes key_id = ca->ext.ski;
	enum inro_err e = check_head(head);

	if (!e)
		e = flush(c);
	if (!e)
		e = pubkey_sig(&ca->key, head->hash, &c->sig);
	if (!e && key_id.n == 0) {
		e = pubkey_id(&ca->key, id);
		key_id = BYTES(id, sizeof id);
	}
	if (!e)
		e = frame(c, head, key_id);
	crl_rewind(c);
	return e;
}

enum inro_err crl_expect(struct crl *c, const struct crl_head *head)
{
	SCOPED(crl) guess = { .n = 1, .octets = MOSTLY };
	enum inro_err e = pubkey_sig(&head->issuer->key, head->hash, &guess.sig);

	if (!e)
		e = frame(&guess, head, BYTES_NONE);
	if (!e)
		add_header(&guess.before, 0, guess.octets);
	c->gap = guess.before.n;
	return e ? e : guess.before.err;
}

void crl_rewind(struct crl *c)
{
	c->stage = 0;
	c->at = 0;
}

static enum inro_err pull_entries(struct crl *c, struct bytes *ret)
{
	size_t left = c->octets - c->at, n = left < PIECE ? left : PIECE;
	enum inro_err e = read_at(c, c->gap + c->at, n);

	*ret = BYTES(c->room, n);
	c->at += n;
	return e;
}

enum inro_err crl_pull(void *arg, struct bytes *ret)
{
	struct crl *c = arg;
	enum inro_err e = INRO_OK;

	*ret = BYTES_NONE;
	if (c->stage == 0) {
		*ret = buf_bytes(&c->before);
		c->stage = 1;
		return INRO_OK;
	}
	if (c->stage == 1)
		e = pull_entries(c, ret);
	if (e || ret->n)
		return e;
	if (c->stage < 3)
		*ret = buf_bytes(&c->after);
	c->stage = 3;
	return INRO_OK;
}

enum inro_err crl_to_sign(struct crl *c, struct buf *ret)
{
	uint8_t digest[PKI_DIGEST_MAX];
	enum inro_err e;

	if (c->sig->hash == PKI_HASH_NONE)
		return crl_whole(c, ret);
	crl_rewind(c);
	e = pki_digest_pulled(c->sig->hash, crl_pull, c, digest);
	if (e)
		return e;
	buf_add(ret, BYTES(digest, pki_hash_octets(c->sig->hash)));
	return buf_err(ret);
}

enum inro_err crl_signed(struct crl *c, struct bytes signature)
{
	buf_add(&c->after, c->sig->identifier);
	der_add_bits(&c->after, signature);
	add_header(&c->before, 0, c->before.n + c->octets + c->after.n);
	crl_rewind(c);
	return c->before.err ? c->before.err : c->after.err;
}

/* The file becomes the list itself. */
static enum inro_err complete_file(struct crl *c)
{
	enum inro_err e = c->gap == c->before.n ? INRO_OK : move_entries(c, c->before.n);

	if (!e)
		e = write_at(c, 0, buf_bytes(&c->before));
	if (!e)
		e = write_at(c, c->gap + c->octets, buf_bytes(&c->after));
	if (!e && ftruncate(fileno(c->entries), (off_t)(c->gap + c->octets + c->after.n)) != 0)
		e = spool_err("writing");
	return e;
}

enum inro_err crl_save(struct crl *c, const char *path, mode_t mode)
{
	enum inro_err e = INRO_E_UNSUPPORTED;

	if (c->gap)
		e = complete_file(c);
	if (!e)
		e = file_name_it(fileno(c->entries), path, mode);
	crl_rewind(c);
	return e == INRO_E_UNSUPPORTED ? file_write_pulled(path, mode, crl_pull, c) : e;
}

enum inro_err crl_whole(struct crl *c, struct buf *ret)
{
	struct bytes piece = BYTES_NONE;
	enum inro_err e = INRO_OK;

	crl_rewind(c);
	ret->max = CRL_MAX + PIECE;
	while (!e) {
		e = crl_pull(c, &piece);
		if (e || !piece.n)
			break;
		buf_add(ret, piece);
	}
	return e ? e : buf_err(ret);
}
