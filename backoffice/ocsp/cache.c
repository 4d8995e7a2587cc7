/* cache - see cache.h.  Sixteen parts, each with a lock of its own, so that threads don't wait. */
#include "backoffice/ocsp/cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define PARTS	    16
#define OVERHEAD    16 /* of an allocation */
#define BUCKETS_MIN 64
#define ENTRY_USUAL 384 /* octets: for how many buckets */

/* Laid out without holes, so that it is compared as octets. */
struct place {
	int64_t ca;
	uint32_t generation;
	uint8_t hash, with_null, serial_n, zero;
	uint8_t serial[CERT_SERIAL_MAX + 4];
};

struct entry {
	struct entry *next; /* of the bucket */
	struct entry *newer, *older;
	struct place place;
	int64_t mark, this_update, next_update, fresh_until;
	char etag[CACHE_ETAG];
	uint32_t n;
	uint8_t octets[];
};

struct part {
	pthread_mutex_t lock;
	struct entry **buckets;
	size_t mask;
	struct entry *newest, *oldest;
	size_t n, octets;
};

struct cache {
	struct part parts[PARTS];
	size_t part_max;
	uint64_t seed;
	atomic_uint_fast64_t drops;
};

static size_t size_of(const struct entry *e)
{
	return sizeof *e + e->n + OVERHEAD;
}

/* False: of a serial that is longer than any of ours. */
static bool place_of(const struct cache_key *k, struct place *p)
{
	memset(p, 0, sizeof *p);
	if (k->id->serial.n > CERT_SERIAL_MAX || k->id->hash >= OCSP_HASH__MAX)
		return false;
	p->ca = k->ca;
	p->generation = (uint32_t)k->generation;
	p->hash = (uint8_t)k->id->hash;
	p->with_null = k->id->with_null;
	p->serial_n = (uint8_t)k->id->serial.n;
	if (k->id->serial.n)
		memcpy(p->serial, k->id->serial.p, k->id->serial.n);
	return true;
}

/* Only certificates that were issued get here: nobody chooses serials at will. */
static uint64_t hash_place(const struct cache *c, const struct place *p)
{
	const uint64_t prime = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t h = c->seed, word;

	_Static_assert(sizeof *p % sizeof word == 0, "a place is of whole words");
	for (size_t i = 0; i < sizeof *p; i += sizeof word) {
		memcpy(&word, (const uint8_t *)p + i, sizeof word);
		h = (h ^ word) * prime;
		h ^= h >> 29;
	}
	return h;
}

static struct part *part_of(struct cache *c, uint64_t hash)
{
	return &c->parts[hash >> 60];
}

/* ---- under the part's lock ---- */

static struct entry **find(struct part *p, uint64_t hash, const struct place *at)
{
	struct entry **e = &p->buckets[hash & p->mask];

	while (*e && memcmp(&(*e)->place, at, sizeof *at) != 0)
		e = &(*e)->next;
	return e;
}

static void unlink_age(struct part *p, struct entry *e)
{
	*(e->newer ? &e->newer->older : &p->newest) = e->older;
	*(e->older ? &e->older->newer : &p->oldest) = e->newer;
}

static void link_newest(struct part *p, struct entry *e)
{
	e->newer = NULL;
	e->older = p->newest;
	*(p->newest ? &p->newest->newer : &p->oldest) = e;
	p->newest = e;
}

static void take_out(struct part *p, struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	unlink_age(p, e);
	p->n--;
	p->octets -= size_of(e);
	free(e);
}

static void make_room(struct cache *c, struct part *p)
{
	while (p->octets > c->part_max && p->oldest)
		take_out(p, find(p, hash_place(c, &p->oldest->place), &p->oldest->place));
}

/* ---- */

static enum inro_err part_open(struct part *p, size_t octets)
{
	size_t n = BUCKETS_MIN;

	while (n < octets / ENTRY_USUAL)
		n *= 2;
	p->buckets = calloc(n, sizeof *p->buckets);
	if (!p->buckets)
		return err_set(INRO_E_NO_MEMORY, "no memory for a cache");
	p->mask = n - 1;
	pthread_mutex_init(&p->lock, NULL);
	return INRO_OK;
}

enum inro_err cache_new(size_t octets, struct cache **ret)
{
	struct cache *c = calloc(1, sizeof *c);
	enum inro_err e = c ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a cache");

	if (e == INRO_OK && getrandom(&c->seed, sizeof c->seed, 0) != sizeof c->seed)
		e = err_set(INRO_E_IO, "the kernel gives no random numbers");
	if (e == INRO_OK)
		c->part_max = octets / PARTS;
	for (size_t i = 0; e == INRO_OK && i < PARTS; i++)
		e = part_open(&c->parts[i], c->part_max);
	if (e != INRO_OK) {
		cache_free(c);
		return e;
	}
	*ret = c;
	return INRO_OK;
}

static void empty(struct part *p)
{
	while (p->oldest) {
		struct entry *e = p->oldest;

		unlink_age(p, e);
		free(e);
	}
	memset(p->buckets, 0, (p->mask + 1) * sizeof *p->buckets);
	p->n = p->octets = 0;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < PARTS && c->parts[i].buckets; i++) {
		empty(&c->parts[i]);
		pthread_mutex_destroy(&c->parts[i].lock);
		free(c->parts[i].buckets);
	}
	free(c);
}

static bool give(const struct entry *e, struct bytes certs, struct cache_answer *ret,
		 struct buf *ret_der)
{
	*ret = (struct cache_answer) { .mark = e->mark,
				       .this_update = e->this_update,
				       .next_update = e->next_update,
				       .fresh_until = e->fresh_until };
	memcpy(ret->etag, e->etag, sizeof ret->etag);
	return ocsp_whole(BYTES(e->octets, e->n), certs, ret_der) == INRO_OK;
}

bool cache_get(struct cache *c, const struct cache_wish *w, struct cache_answer *ret, struct buf *ret_der)
{
	struct place at;
	struct part *p;
	struct entry *e;
	uint64_t hash;
	bool good;

	if (!place_of(&w->key, &at))
		return false;
	hash = hash_place(c, &at);
	p = part_of(c, hash);
	pthread_mutex_lock(&p->lock);
	e = *find(p, hash, &at);
	good = e && e->mark == w->mark && e->this_update <= w->at && e->next_update > w->at;
	if (good) {
		unlink_age(p, e);
		link_newest(p, e);
		good = give(e, w->certs, ret, ret_der);
	}
	pthread_mutex_unlock(&p->lock);
	return good;
}

uint64_t cache_drops(struct cache *c)
{
	return atomic_load(&c->drops);
}

static struct entry *make_entry(const struct place *at, const struct cache_answer *a)
{
	struct entry *e = malloc(sizeof *e + a->is_signed.n);

	if (!e)
		return NULL;
	*e = (struct entry) { .place = *at,
			      .mark = a->mark,
			      .this_update = a->this_update,
			      .next_update = a->next_update,
			      .fresh_until = a->fresh_until,
			      .n = (uint32_t)a->is_signed.n };
	memcpy(e->etag, a->etag, sizeof e->etag);
	memcpy(e->octets, a->is_signed.p, a->is_signed.n);
	return e;
}

static void put_in(struct cache *c, struct part *p, uint64_t hash, struct entry *e)
{
	struct entry **at = find(p, hash, &e->place);

	if (*at)
		take_out(p, at);
	e->next = p->buckets[hash & p->mask];
	p->buckets[hash & p->mask] = e;
	link_newest(p, e);
	p->n++;
	p->octets += size_of(e);
	make_room(c, p);
}

void cache_put(struct cache *c, const struct cache_key *k, const struct cache_answer *a,
	       uint64_t drops)
{
	struct place at;
	struct part *p;
	struct entry *e = place_of(k, &at) ? make_entry(&at, a) : NULL;
	uint64_t hash;

	if (!e)
		return;
	hash = hash_place(c, &at);
	p = part_of(c, hash);
	pthread_mutex_lock(&p->lock);
	/* Who drops counts first and looks then: one of the two sees the other. */
	if (atomic_load(&c->drops) == drops)
		put_in(c, p, hash, e);
	else
		free(e);
	pthread_mutex_unlock(&p->lock);
}

static void drop_one(struct cache *c, const struct cache_key *k)
{
	struct place at;
	struct entry **e;
	struct part *p;
	uint64_t hash;

	if (!place_of(k, &at))
		return;
	hash = hash_place(c, &at);
	p = part_of(c, hash);
	pthread_mutex_lock(&p->lock);
	e = find(p, hash, &at);
	if (*e)
		take_out(p, e);
	pthread_mutex_unlock(&p->lock);
}

static void drop_all(struct cache *c)
{
	for (size_t i = 0; i < PARTS; i++) {
		pthread_mutex_lock(&c->parts[i].lock);
		empty(&c->parts[i]);
		pthread_mutex_unlock(&c->parts[i].lock);
	}
}

void cache_drop(struct cache *c, int64_t ca, int64_t generation, struct bytes serial)
{
	atomic_fetch_add(&c->drops, 1);
	if (!serial.n) {
		drop_all(c);
		return;
	}
	for (int h = 0; h < OCSP_HASH__MAX; h++)
		for (int null = 0; null < 2; null++) {
			const struct ocsp_cert_id id = { .hash = (enum ocsp_hash)h,
							 .with_null = null,
							 .serial = serial };

			drop_one(c, &(struct cache_key) { ca, generation, &id });
		}
}

void cache_size(struct cache *c, uint64_t *ret_entries, uint64_t *ret_octets)
{
	*ret_entries = *ret_octets = 0;
	for (size_t i = 0; i < PARTS; i++) {
		pthread_mutex_lock(&c->parts[i].lock);
		*ret_entries += c->parts[i].n;
		*ret_octets += c->parts[i].octets;
		pthread_mutex_unlock(&c->parts[i].lock);
	}
}
