/*
 * peers - how many connections each address has.
 *
 * An IPv6 host has a /64 to itself: that is counted as one.  An IPv4 address in an IPv6 one, mapped or by NAT64, is
 * that IPv4 address.
 */
#include <stdlib.h>
#include <string.h>

#include "backoffice/http/engine.h"
#include "base/keyed.h"

#define PEERS_BUCKETS 4096

struct peer_count {
	struct peer_count *next;
	uint8_t key[16];
	unsigned n;
};

struct peers {
	pthread_mutex_t lock;
	struct peer_count *bucket[PEERS_BUCKETS];
};

struct peers *peers_new(void)
{
	struct peers *p = calloc(1, sizeof *p);

	if (p)
		pthread_mutex_init(&p->lock, NULL);
	return p;
}

void peers_free(struct peers *p)
{
	for (size_t i = 0; p && i < PEERS_BUCKETS; i++)
		while (p->bucket[i]) {
			struct peer_count *c = p->bucket[i];

			p->bucket[i] = c->next;
			free(c);
		}
	if (p)
		pthread_mutex_destroy(&p->lock);
	free(p);
}

/* Mapped, or by NAT64 (RFC 6052, 64:ff9b::/96). */
static bool has_ipv4(const struct in6_addr *a)
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	return IN6_IS_ADDR_V4MAPPED(a) || memcmp(a->s6_addr, nat64, sizeof nat64) == 0;
}

void peers_key(const struct sockaddr_storage *from, uint8_t ret[static PEERS_KEY])
{
	const struct sockaddr_in6 *six = (const void *)from;
	const struct sockaddr_in *four = (const void *)from;

	memset(ret, 0, PEERS_KEY);
	if (from->ss_family == AF_INET)
		memcpy(ret + 12, &four->sin_addr, 4);
	else if (from->ss_family == AF_INET6 && has_ipv4(&six->sin6_addr))
		memcpy(ret + 12, six->sin6_addr.s6_addr + 12, 4);
	else if (from->ss_family == AF_INET6)
		memcpy(ret, &six->sin6_addr, 8);
}

static struct peer_count **find(struct peers *p, const uint8_t key[static 16])
{
	struct peer_count **at = &p->bucket[keyed_hash(BYTES(key, PEERS_KEY)) % PEERS_BUCKETS];

	while (*at && memcmp((*at)->key, key, 16) != 0)
		at = &(*at)->next;
	return at;
}

static bool enter(struct peer_count **at, const uint8_t key[static 16], unsigned max)
{
	if (!*at) {
		*at = calloc(1, sizeof **at);
		if (!*at)
			return false;
		memcpy((*at)->key, key, 16);
	}
	if ((*at)->n >= max)
		return false;
	(*at)->n++;
	return true;
}

bool peers_enter(struct peers *p, const struct sockaddr_storage *from, unsigned max)
{
	uint8_t key[16];
	bool fits;

	peers_key(from, key);
	pthread_mutex_lock(&p->lock);
	fits = enter(find(p, key), key, max);
	pthread_mutex_unlock(&p->lock);
	return fits;
}

void peers_leave(struct peers *p, const struct sockaddr_storage *from)
{
	struct peer_count **at, *gone = NULL;
	uint8_t key[16];

	peers_key(from, key);
	pthread_mutex_lock(&p->lock);
	at = find(p, key);
	if (*at && --(*at)->n == 0) {
		gone = *at;
		*at = gone->next;
	}
	pthread_mutex_unlock(&p->lock);
	free(gone);
}
