/* refused - see refused.h. */
#include "backoffice/core/refused.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define KEPT	     16
#define KEPT_MS	     (10 * 60 * 1000)
#define TOKEN_OCTETS 64

struct refusal {
	char token[TOKEN_OCTETS];
	struct secret pin;
	int64_t until_ms;
};

static struct {
	pthread_mutex_t lock;
	struct refusal list[KEPT];
	size_t next;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct refusal *find(const char *token, struct bytes pin)
{
	for (size_t i = 0; i < KEPT; i++) {
		struct refusal *r = &all.list[i];

		if (r->until_ms > clock_monotonic_ms() &&
		    strncmp(r->token, token, TOKEN_OCTETS - 1) == 0 &&
		    secret_equal(secret_bytes(&r->pin), pin))
			return r;
	}
	return NULL;
}

enum inro_err refused_check(const char *token, struct bytes pin)
{
	bool known;

	if (!pin.p)
		return INRO_OK;
	pthread_mutex_lock(&all.lock);
	known = find(token, pin) != NULL;
	pthread_mutex_unlock(&all.lock);
	if (known)
		return err_set(INRO_E_PIN_WRONG,
			       "token '%s' refused this PIN a short while ago; it is not tried again, "
			       "so that it does not lock the token",
			       token);
	return INRO_OK;
}

void refused_note(const char *token, struct bytes pin)
{
	struct secret copy = { 0 };
	struct refusal *r;

	if (!pin.p || secret_copy(pin, &copy) != INRO_OK)
		return;
	pthread_mutex_lock(&all.lock);
	r = &all.list[all.next++ % KEPT];
	secret_clear(&r->pin);
	snprintf(r->token, sizeof r->token, "%s", token);
	r->pin = copy;
	r->until_ms = clock_monotonic_ms() + KEPT_MS;
	pthread_mutex_unlock(&all.lock);
}
