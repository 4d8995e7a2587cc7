/*
 * anchor - what proves that a device is itself, as SHA-256; see device.h.
 *
 * 1. A key is hashed as its SubjectPublicKeyInfo, whether it came alone or in a certificate: one
 *    key, one hash.
 * 2. What many devices have in common is refused: fillers of makers, and keys of the setting
 *    "anchor.shared" (SHA-256 in hex, blanks between).
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/fleet.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/crypt.h"
#include "backoffice/pki/pem.h"

#define INPUT_MAX ((size_t)64 << 10)

/* What makers write where no serial number is; in capital letters. */
static const char *const fillers[] = {
	"UNKNOWN",
	"NONE",
	"N/A",
	"NA",
	"NULL",
	"TEST",
	"SERIAL",
	"SERIAL NUMBER",
	"NOT SPECIFIED",
	"NOT APPLICABLE",
	"NOT AVAILABLE",
	"DEFAULT STRING",
	"DEFAULT",
	"TO BE FILLED BY O.E.M.",
	"TO BE FILLED BY OEM",
	"O.E.M.",
	"OEM",
	"SYSTEM SERIAL NUMBER",
	"CHASSIS SERIAL NUMBER",
	"BASE BOARD SERIAL NUMBER",
	"0123456789",
	"123456789",
	"1234567890",
	"12345678",
	"01234567",
	"XXXXXXXX",
	"INVALID",
	"EMPTY",
};

/* "0000", "xxxxxxxx", "-" */
static bool one_character(const char *s)
{
	size_t n = strspn(s, (const char[]) { *s, 0 });

	return !s[n] && (n > 3 || *s == '0' || !isalnum((unsigned char)*s));
}

static enum inro_err check_serial(const char *serial)
{
	bool filler = !*serial || one_character(serial);

	for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
		filler = filler || strcmp(serial, fillers[i]) == 0;
	return filler ? err_set(INRO_E_POLICY,
				"the serial number '%s' is no device's own, and no trust anchor",
				serial)
		      : INRO_OK;
}

/* In capital letters, no blanks around. */
static void add_trimmed(struct buf *to, struct bytes part)
{
	while (part.n && *part.p == ' ')
		part = BYTES(part.p + 1, part.n - 1);
	while (part.n && part.p[part.n - 1] == ' ')
		part.n--;
	for (size_t i = 0; i < part.n; i++)
		buf_add_u8(to, (uint8_t)toupper(part.p[i]));
}

/* "MAKER:SERIAL" */
static enum inro_err serial_text(struct bytes value, struct buf *ret)
{
	const uint8_t *colon = value.n ? memchr(value.p, ':', value.n) : NULL;
	size_t at = colon ? (size_t)(colon - value.p) : 0;
	enum inro_err e;

	if (!colon || memchr(value.p, 0, value.n) || value.n > DEVICE_FIELD_MAX)
		return err_set(INRO_E_ARG, "a serial number as trust anchor is MAKER:SERIAL");
	add_trimmed(ret, BYTES(value.p, at));
	if (!ret->n)
		return err_set(INRO_E_ARG,
			       "a serial number as trust anchor has its MAKER: before it");
	buf_add_u8(ret, ':');
	at = ret->n;
	add_trimmed(ret, BYTES(colon + 1, value.n - (size_t)(colon + 1 - value.p)));
	buf_add_u8(ret, 0);
	e = buf_err(ret);
	if (e == INRO_OK)
		e = core_check_text("the trust anchor", (const char *)ret->p, DEVICE_FIELD_MAX);
	return e == INRO_OK ? check_serial((const char *)ret->p + at) : e;
}

static enum inro_err hash_serial(struct bytes value, uint8_t ret[static PKI_DIGEST_MAX])
{
	SCOPED(buf) text = { 0 };
	enum inro_err e = serial_text(value, &text);

	return e == INRO_OK ? pki_digest(PKI_SHA256, buf_bytes(&text), ret) : e;
}

static enum inro_err hash_public(struct bytes value, uint8_t ret[static PKI_DIGEST_MAX])
{
	SCOPED(buf) der = { 0 };
	struct pubkey key;
	enum inro_err e = pem_or_der(value, PEM_PUBLIC_KEY, INPUT_MAX, "public key", &der);

	if (e == INRO_OK)
		e = pubkey_read(buf_bytes(&der), &key);
	return e == INRO_OK ? pki_digest(PKI_SHA256, key.spki, ret) : e;
}

static enum inro_err hash_key(struct bytes value, uint8_t ret[static PKI_DIGEST_MAX])
{
	SCOPED(cert) cert = { 0 };
	char why[ERR_DETAIL_MAX];
	enum inro_err e = value.n <= CERT_MAX ? cert_read(value, &cert) : INRO_E_TOO_BIG, e2;

	if (e == INRO_OK)
		return pki_digest(PKI_SHA256, cert.key.spki, ret);
	snprintf(why, sizeof why, "%s", e == INRO_E_TOO_BIG ? "too long" : err_detail(e));
	e2 = hash_public(value, ret);
	if (e2 != INRO_E_SYNTAX)
		return e2;
	/* Which of the two it was meant to be nobody knows. */
	return err_set(e2, "neither a public key nor a certificate that can be read (%s)", why);
}

static enum inro_err (*const hashers[ANCHOR_KIND__MAX])(struct bytes, uint8_t *) = {
	[ANCHOR_KEY] = hash_key,
	[ANCHOR_EK] = hash_key,
	[ANCHOR_SERIAL] = hash_serial,
};

static enum inro_err take_hash(struct bytes value, uint8_t ret[static PKI_DIGEST_MAX])
{
	static const uint8_t zero[ANCHOR_HASH],
		ones[ANCHOR_HASH] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (value.n != ANCHOR_HASH)
		return err_set(INRO_E_ARG, "a trust anchor's SHA-256 has %d bytes", ANCHOR_HASH);
	if (memcmp(value.p, zero, ANCHOR_HASH) == 0 || memcmp(value.p, ones, ANCHOR_HASH) == 0)
		return err_set(INRO_E_POLICY,
			       "a value of one byte over and over is no trust anchor");
	memcpy(ret, value.p, ANCHOR_HASH);
	return INRO_OK;
}

static enum inro_err check_shared(struct core *c, struct bytes hash)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "name", .text = "anchor.shared" },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	SCOPED(setting) s = { 0 };
	SCOPED(buf) hex = { 0 };
	enum inro_err e = store_find(c->store, &q, &s);

	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	buf_add_hex(&hex, hash);
	buf_add_u8(&hex, 0);
	if (e == INRO_OK)
		e = buf_err(&hex);
	if (e == INRO_OK && strcasestr(text_or_empty(s.value), (const char *)hex.p))
		e = err_set(INRO_E_POLICY,
			    "this key is known to be shared by many, and is no trust anchor");
	return e;
}

enum inro_err anchor_digest(struct core *c, const struct device_anchor *a, struct blob *ret)
{
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e = a->hashed ? take_hash(a->value, hash) : hashers[a->kind](a->value, hash);

	if (e == INRO_OK)
		e = check_shared(c, BYTES(hash, ANCHOR_HASH));
	return e == INRO_OK ? blob_set(ret, BYTES(hash, ANCHOR_HASH)) : e;
}

enum inro_err device_anchor_check(const struct device_anchor *a)
{
	uint8_t digest[PKI_DIGEST_MAX];

	return hashers[a->kind](a->value, digest);
}

/* Another live device with this anchor is told by its id. */
static enum inro_err check_alone(struct core *c, const struct device *d)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "anchor", .bytes = blob_bytes(&d->anchor) },
		{ .field = "state", .op = STORE_NE, .number = DEVICE_DELETED },
		{ .field = "id", .op = STORE_NE, .number = d->id },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1 };
	SCOPED(device) other = { 0 };
	enum inro_err e = store_find(c->store, &q, &other);

	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (e == INRO_OK)
		return err_set(INRO_E_EXISTS, "device '%s' has this trust anchor already",
			       other.device_id);
	return e;
}

enum inro_err device_anchor_before(struct core *c, const struct device *d, char **ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "anchor", .bytes = blob_bytes(&d->anchor) },
		{ .field = "state", .number = DEVICE_DELETED },
		{ .field = "device_id", .op = STORE_NE, .text = d->device_id },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1, .backward = true };
	SCOPED(device) before = { 0 };
	bool had = d->anchor.n && d->state != DEVICE_DELETED; /* of a deleted one nobody knows which came first */
	enum inro_err e = had ? store_find(c->store, &q, &before) : INRO_E_NOT_FOUND;

	*ret = NULL;
	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	return e == INRO_OK ? text_set(ret, before.device_id) : e;
}

/* One that was sold or stolen comes again under another name. */
static enum inro_err check_before(struct core *c, const struct device *d)
{
	AUTO(free_chars) char *before = NULL;
	SCOPED(policy) p = { 0 };
	enum inro_err e = device_anchor_before(c, d, &before);

	if (e != INRO_OK || !before)
		return e;
	e = policy_of_device(c, d, &p);
	if (e == INRO_OK && !p.anchor_again)
		e = err_set(INRO_E_POLICY,
			    "this trust anchor was that of device '%s', which is deleted, and the policy of the "
			    "group or tenant says \"anchor_again\": false; register it under that id, or change the "
			    "policy",
			    before);
	return e;
}

enum inro_err anchor_set(struct core *c, struct device *d, const struct device_anchor *a)
{
	SCOPED(blob) was = d->anchor;
	enum inro_err e;

	if (!a) {
		was = (struct blob) { 0 };
		return INRO_OK;
	}
	d->anchor = (struct blob) { 0 };
	d->anchor_kind = a->kind;
	d->anchor_store = a->kind == ANCHOR_NONE ? ANCHOR_UNKNOWN : a->store;
	if (a->kind == ANCHOR_NONE)
		return INRO_OK;
	e = anchor_digest(c, a, &d->anchor);
	if (e == INRO_OK)
		e = check_alone(c, d);
	if (e != INRO_OK || bytes_equal(blob_bytes(&was), blob_bytes(&d->anchor)))
		return e;
	return check_before(c, d);
}

static const struct anchor_word {
	const char *word;
	enum anchor_kind kind;
	bool hashed;
} anchor_words[] = {
	{ "serial:", ANCHOR_SERIAL, false },
	{ "serial-sha256:", ANCHOR_SERIAL, true },
	{ "key:", ANCHOR_KEY, true },
	{ "ek:", ANCHOR_EK, true },
};

enum inro_err device_anchor_parse(const char *text, uint8_t room[static ANCHOR_HASH],
				  struct device_anchor *ret)
{
	const struct anchor_word *w = anchor_words;
	size_t n = 0;

	while (w < anchor_words + ARRAY_LEN(anchor_words) &&
	       strncmp(text, w->word, strlen(w->word)) != 0)
		w++;
	if (w == anchor_words + ARRAY_LEN(anchor_words))
		return err_set(INRO_E_ARG, "a trust anchor is serial:MAKER:SERIAL, or key: or ek: "
					   "and a SHA-256 in hex");
	*ret = (struct device_anchor) { .kind = w->kind,
					.hashed = w->hashed,
					.value = bytes_of(text + strlen(w->word)) };
	if (!w->hashed)
		return INRO_OK;
	if (hex_decode(ret->value, room, ANCHOR_HASH, &n) != INRO_OK || n != ANCHOR_HASH)
		return err_set(INRO_E_ARG, "the trust anchor's SHA-256 is 64 digits of hex");
	ret->value = BYTES(room, n);
	return INRO_OK;
}

void device_anchor_text(const struct device *d, struct buf *out)
{
	for (size_t i = 0; d->anchor.n && i < ARRAY_LEN(anchor_words); i++)
		if (anchor_words[i].hashed && anchor_words[i].kind == d->anchor_kind) {
			buf_add_str(out, anchor_words[i].word);
			buf_add_hex(out, blob_bytes(&d->anchor));
		}
}
