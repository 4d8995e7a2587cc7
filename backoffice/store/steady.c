/* steady - see steady.h. */
#include "backoffice/store/steady.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/store/backend.h"
#include "base/secret.h"

#define STAMP_NAME   "stamp"
#define STAMP_TENANT 1 /* "default": what is of the whole database is its */
#define STAMP_OCTETS 16
#define STAMP_ROOM   80
#define SETS	     32
#define WAYS	     4

struct place {
	const struct record_type *t; /* NULL: empty */
	struct buf key;
	void *record; /* NULL: there is no such row */
};

struct steady {
	char stamp[STAMP_ROOM]; /* of all that is kept; "": nothing is */
	bool looked;		/* the stamp was read in this transaction */
	bool off;		/* the database is asked for the rest of it */
	bool loads;		/* a whole database, which brings its stamp along */
	bool renew;		/* the stamp is due */
	struct buf key;		/* of what is looked for */
	struct place places[SETS][WAYS];
	unsigned turn; /* whose place is taken next */
	struct place device; /* the one that was read last in this transaction, if nothing was written since */
};

/* Whose rows are steady.  Of certificates those of CAs are. */
static const struct record_type *const types[] = {
	&setting_type,	&ca_type,	  &profile_version_type, &device_group_type,
	&tenant_type,	&ca_generation_type, &ca_place_type,
};

static bool is_steady(const struct record_type *t)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i] == t)
			return true;
	return false;
}

static bool is_kept(const struct record_type *t, const struct store_query *q)
{
	return q->keep == STORE_KEEP || (q->keep == STORE_AS_TYPE && is_steady(t));
}

static bool is_credential(const struct record_type *t)
{
	return t == &credential_type || t == &credential_move_type;
}

/* ---- places ---- */

static void place_clear(struct place *p)
{
	if (p->record)
		record_clear(p->t, p->record);
	free(p->record);
	buf_clear(&p->key);
	*p = (struct place) { 0 };
}

static void forget(struct steady *k)
{
	for (size_t i = 0; i < SETS; i++)
		for (size_t j = 0; j < WAYS; j++)
			place_clear(&k->places[i][j]);
	k->stamp[0] = '\0';
}

void steady_free(struct steady *k)
{
	if (!k)
		return;
	forget(k);
	place_clear(&k->device);
	buf_clear(&k->key);
	free(k);
}

static void add_cond(struct buf *b, const struct store_cond *c)
{
	buf_add_field(b, bytes_of(text_or_empty(c->field)));
	buf_add_u8(b, (uint8_t)c->op);
	buf_add_u64(b, (uint64_t)c->number);
	buf_add_field(b, bytes_of(text_or_empty(c->text)));
	buf_add_field(b, c->bytes);
}

/* Which rows are asked for; false: what can't be told apart here. */
static bool write_key(struct buf *b, const struct store_query *q)
{
	buf_reset(b);
	if (q->after || q->order || q->unordered)
		return false;
	buf_add_u8(b, q->backward);
	buf_add_u64(b, q->limit);
	for (size_t i = 0; i < q->n; i++) {
		if (q->conds[i].op == STORE_IN)
			return false;
		add_cond(b, &q->conds[i]);
	}
	return buf_err(b) == INRO_OK;
}

/* FNV-1a: who makes keys collide has them read from the database. */
static struct place *set_of(struct steady *k)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < k->key.n; i++)
		h = (h ^ k->key.p[i]) * UINT64_C(0x100000001b3);
	return k->places[(h ^ h >> 32) % SETS];
}

static struct place *place_of(struct steady *k, const struct record_type *t)
{
	struct place *set = set_of(k);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].t == t && bytes_equal(buf_bytes(&set[i].key), buf_bytes(&k->key)))
			return &set[i];
	return NULL;
}

/* By its number: who asks is read when it is found out who it is, and again when it is decided what it gets. */
static bool is_device(const struct record_type *t, const struct store_query *q)
{
	return t == &device_type && q->n == 1 && strcmp(q->conds[0].field, "id") == 0;
}

/* ---- the stamp ---- */

static enum inro_err take_setting(void *arg, void *record)
{
	struct setting *to = arg, *from = record;

	*to = *from;
	*from = (struct setting) { 0 };
	return INRO_OK;
}

/* id 0: nobody has written it yet. */
static enum inro_err load_stamp(struct store *s, struct setting *ret)
{
	static const struct store_cond conds[] = {
		{ .field = "tenant", .number = STAMP_TENANT },
		{ .field = "name", .text = STAMP_NAME },
	};
	static const struct store_query q = { STORE_WHERE(conds), .limit = 1 };

	return s->ops->each(s, &setting_type, &q, take_setting, ret);
}

static enum inro_err look(struct store *s)
{
	struct steady *k = s->steady;
	SCOPED(setting) row = { 0 };
	const char *now;
	enum inro_err e;

	if (k->looked || k->off)
		return INRO_OK;
	e = load_stamp(s, &row);
	if (e != INRO_OK)
		return e;
	now = text_or_empty(row.value); /* none yet: nothing would tell of a change */
	k->looked = true;
	k->off = !*now || strlen(now) >= STAMP_ROOM;
	if (!k->off && strcmp(now, k->stamp) != 0) {
		forget(k);
		memcpy(k->stamp, now, strlen(now) + 1);
	}
	return INRO_OK;
}

static enum inro_err new_stamp(struct setting *row)
{
	uint8_t chance[STAMP_OCTETS];
	SCOPED(buf) hex = { 0 };
	enum inro_err e = random_fill(chance, sizeof chance);

	if (e != INRO_OK)
		return e;
	buf_add_hex(&hex, BYTES(chance, sizeof chance));
	buf_add_u8(&hex, 0);
	e = buf_err(&hex);
	return e == INRO_OK ? text_set(&row->value, (const char *)hex.p) : e;
}

enum inro_err steady_commit(struct store *s)
{
	SCOPED(setting) row = { 0 };
	int64_t n = 0;
	enum inro_err e;

	if (!s->steady->renew)
		return INRO_OK;
	s->steady->renew = false;
	e = load_stamp(s, &row);
	if (e == INRO_OK)
		e = new_stamp(&row);
	if (e != INRO_OK)
		return e;
	if (row.id)
		return s->ops->update(s, &setting_type, &row, &n);
	row.tenant = STAMP_TENANT;
	e = text_set(&row.name, STAMP_NAME);
	return e == INRO_OK ? s->ops->insert(s, &setting_type, &row, &n) : e;
}

/* ---- a transaction ---- */

enum inro_err steady_new(struct steady **ret)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a store");
}

void steady_begin(struct store *s, enum store_access access)
{
	struct steady *k = s->steady;

	k->looked = k->renew = false;
	k->off = k->loads = access == STORE_LOAD;
	place_clear(&k->device);
}

void steady_saved(struct store *s)
{
	place_clear(&s->steady->device);
}

static bool is_ca_row(const void *r)
{
	return !r || ((const struct credential *)r)->own_ca;
}

void steady_written(struct store *s, const struct record_type *t, const void *r)
{
	struct steady *k = s->steady;

	place_clear(&k->device);
	if (!k->loads && (is_steady(t) || (is_credential(t) && is_ca_row(r))))
		k->off = k->renew = true;
}

static enum inro_err give(const struct place *p, void *ret, bool *ret_known)
{
	*ret_known = true;
	return p->record ? record_copy(p->t, p->record, ret) : INRO_E_NOT_FOUND;
}

static enum inro_err find_device(struct steady *k, const struct store_query *q, void *ret,
				 bool *ret_known)
{
	if (!k->device.t || !write_key(&k->key, q) ||
	    !bytes_equal(buf_bytes(&k->device.key), buf_bytes(&k->key)))
		return INRO_OK;
	return give(&k->device, ret, ret_known);
}

enum inro_err steady_find(struct store *s, const struct record_type *t, const struct store_query *q,
			  void *ret, bool *ret_known)
{
	struct steady *k = s->steady;
	const struct place *p;
	enum inro_err e;

	*ret_known = false;
	if (s->open && is_device(t, q))
		return find_device(k, q, ret, ret_known);
	if (!s->open || k->off || !is_kept(t, q))
		return INRO_OK;
	e = look(s);
	if (e != INRO_OK || k->off || !write_key(&k->key, q))
		return e;
	p = place_of(k, t);
	return p ? give(p, ret, ret_known) : INRO_OK;
}

void steady_keep(struct store *s, const struct record_type *t, const struct store_query *q,
		 const void *record)
{
	struct steady *k = s->steady;
	struct place made = { .t = t }, *at;
	bool device = is_device(t, q);

	if (!s->open || (!device && (k->off || !k->looked || !is_kept(t, q))) ||
	    !write_key(&k->key, q))
		return;
	made.record = record ? calloc(1, t->size) : NULL;
	buf_add(&made.key, buf_bytes(&k->key));
	if (buf_err(&made.key) != INRO_OK || (record && !made.record) ||
	    (record && record_copy(t, record, made.record) != INRO_OK)) {
		free(made.record);
		made.record = NULL;
		place_clear(&made);
		err_reset(); /* what is not kept is read again */
		return;
	}
	at = device ? &k->device : set_of(k) + k->turn++ % WAYS;
	place_clear(at);
	*at = made;
}
