/* way_secret - see way_secret.h; sealed it is "sealed:" and hexadecimal digits. */
#include "backoffice/core/ca/way_secret.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/core/ca/secret_ref.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/reach.h"
#include "backoffice/core/seal.h"

#define SEALED	   "sealed:"
#define SEALED_LEN (sizeof SEALED - 1)
#define OCTETS_MAX 1024

static bool is_sealed(const struct ca_way *way)
{
	return way->secret && strncmp(way->secret, SEALED, SEALED_LEN) == 0;
}

static struct seal_of bound_to(const struct ca_way *way)
{
	return (struct seal_of) { .kind = CRED_PSK,
				  .device = way->account,
				  .algorithm = "way to a CA",
				  .serial = bytes_of(way->url) };
}

static enum inro_err keep_sealed(struct bytes sealed, char **to)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e;

	buf_add_str(&text, SEALED);
	buf_add_hex(&text, sealed);
	buf_add_u8(&text, 0);
	e = buf_err(&text);
	return e == INRO_OK ? text_set(to, (const char *)text.p) : e;
}

enum inro_err way_secret_seal(struct core *c, struct bytes password, struct ca_way *way)
{
	const struct seal_of of = bound_to(way);
	SCOPED(blob) sealed = { 0 };
	enum inro_err e = seal_close(c, &of, password, &sealed);

	return e == INRO_OK ? keep_sealed(blob_bytes(&sealed), &way->secret) : e;
}

struct sealed_octets {
	uint8_t p[OCTETS_MAX];
	size_t n;
};

static enum inro_err read_sealed(const struct ca_way *way, struct sealed_octets *ret)
{
	struct bytes digits = bytes_of(way->secret + SEALED_LEN);

	if (hex_decode(digits, ret->p, sizeof ret->p, &ret->n) != INRO_OK)
		return err_set(INRO_E_DAMAGED, "the password on record is none");
	return INRO_OK;
}

static enum inro_err open_sealed(struct core *c, const struct ca_way *way, struct secret *ret)
{
	const struct seal_of of = bound_to(way);
	struct sealed_octets sealed = { 0 };
	enum inro_err e = read_sealed(way, &sealed);

	return e == INRO_OK ? seal_open(c, &of, BYTES(sealed.p, sealed.n), ret) : e;
}

enum inro_err way_secret_read(struct core *c, const struct ca_way *way, struct secret *ret)
{
	if (!way->secret || !*way->secret)
		return INRO_OK;
	return is_sealed(way) ? open_sealed(c, way, ret) : secret_ref_read(way->secret, ret);
}

const char *way_secret_name(const struct ca_way *way)
{
	return is_sealed(way) ? "on record" : text_or_empty(way->secret);
}

/* ---- another key seals ---- */

struct resealing {
	const struct ca_way *way;
	char *fresh;
	bool other; /* another password by now */
};

static void resealing_clear(struct resealing *r)
{
	free(r->fresh);
}

/* What else became of the way meanwhile stays; so does another password, whichever key has sealed it. */
static enum inro_err reseal_work(struct core *c, void *arg)
{
	struct resealing *r = arg;
	SCOPED(ca_way) now = { 0 };
	const struct audit_entry entry = { "seal.reseal", "setting", SEAL_SETTING, EVENT_DONE, NULL };
	enum inro_err e = store_get(c->store, r->way->id, &now);

	r->other = e == INRO_OK && strcmp(text_or_empty(now.secret), text_or_empty(r->way->secret)) != 0;
	if (r->other)
		return e;
	if (e == INRO_OK)
		e = text_set(&now.secret, r->fresh);
	if (e == INRO_OK)
		e = store_update(c->store, &now);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

static enum inro_err reseal_one(struct core *c, const struct ca_way *way, struct reseal_report *report, bool *ret_other)
{
	const struct seal_of of = bound_to(way);
	struct sealed_octets sealed = { 0 };
	SCOPED(blob) fresh = { 0 };
	SCOPED(resealing) r = { .way = way };
	enum inro_err e = read_sealed(way, &sealed);

	if (e == INRO_OK)
		e = seal_again(c, &of, BYTES(sealed.p, sealed.n), &fresh);
	if (seal_is_lost(e)) {
		report->unread++;
		return INRO_OK;
	}
	if (e != INRO_OK || !fresh.n)
		return e;
	e = keep_sealed(blob_bytes(&fresh), &r.fresh);
	if (e == INRO_OK)
		e = core_write(c, reseal_work, &r);
	report->done += e == INRO_OK && !r.other;
	*ret_other = e == INRO_OK && r.other;
	return e;
}

/* Who gave another password meanwhile may have begun before there was the new key: it is looked at once more. */
static enum inro_err reseal_way(struct core *c, const struct ca_way *way, struct reseal_report *report)
{
	SCOPED(ca_way) now = { 0 };
	bool other = false;
	enum inro_err e = is_sealed(way) ? reseal_one(c, way, report, &other) : INRO_OK;

	if (e != INRO_OK || !other)
		return e;
	e = store_get(c->store, way->id, &now);
	return e == INRO_OK && is_sealed(&now) ? reseal_one(c, &now, report, &other) : e;
}

enum inro_err ca_ways_reseal(struct core *c, struct reseal_report *report)
{
	const struct store_cond mine = { .field = "tenant", .number = c->tenant };
	const struct store_query q = { .conds = &mine, .n = 1 };
	void *rows = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, &ca_way_type, &q, &rows, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = reseal_way(c, (const struct ca_way *)rows + i, report);
	list_free(&ca_way_type, rows, n);
	return e;
}
