/* parts - the inside of a running server, shared by the files of this folder. */
#ifndef INRO_BACKOFFICE_SERVE_PARTS_H
#define INRO_BACKOFFICE_SERVE_PARTS_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "backoffice/cmp/cmp_routes.h"
#include "backoffice/core/duty.h"
#include "backoffice/core/tokens.h"
#include "backoffice/est/est.h"
#include "backoffice/ocsp/ocsp.h"
#include "backoffice/serve/serve.h"

struct serving;

/* ---- the server's key (tls_key.c) ---- */

struct tls_key; /* in a libcrypto of its own, with the provider when the key is in a token */
MUST_CHECK enum inro_err tls_key_open(const struct serve_options *o, struct tls_key **ret);
void tls_key_free(struct tls_key *k);
/* With this certificate and chain, PEM.  INRO_E_CONFIG when it is not the key's. */
MUST_CHECK enum inro_err tls_key_context(struct tls_key *k, struct bytes chain, bool client_certs,
					 SSL_CTX **ret);
/* Has the certificate of that context exactly these names, host names and addresses, in whatever order? */
bool tls_names_are(const SSL_CTX *ctx, const char *const *names, size_t n);
/* A request for these names, DER. */
MUST_CHECK enum inro_err tls_key_request(struct tls_key *k, const char *const *names, size_t n,
					 struct buf *ret);

/* ---- its certificate (own_cert.c) ---- */

struct own_cert {
	const struct serve_options *o;
	struct tls_key *key;
	char *file;	   /* of the certificate, also of one that our CA made */
	int64_t file_mark; /* of the file that is in use */
	int64_t due;	   /* when our CA makes another */
	int64_t next_look, next_follow; /* monotonic, in ms */
	int64_t begins, ends; /* of what our CA made */
	uint8_t fingerprint[32]; /* SHA-256 of what our CA made */
	char host[256];
};
void own_cert_clear(struct own_cert *c);
/* The first; `core` may issue when a CA is to do it. */
MUST_CHECK enum inro_err own_cert_start(struct own_cert *c, struct core *core, SSL_CTX **ret);
/* Called often: *ret is NULL while the one in use is fine.  `now`: look at once. */
MUST_CHECK enum inro_err own_cert_look(struct own_cert *c, struct core *core, bool now, SSL_CTX **ret);
/* The second at which a certificate of that life is to be renewed: after two thirds of it. */
int64_t own_cert_due(int64_t not_before, int64_t not_after);

/* ---- a service of systemd (service.c) ---- */

/* Sockets that were handed over, appended to list[*n]; their environment is taken away. */
MUST_CHECK enum inro_err service_sockets(struct http_listen *list, size_t max, size_t *n);
/* From root to that user, with his groups and nothing else, for good. */
MUST_CHECK enum inro_err service_become(const char *user);
/* "READY=1" and the like, where somebody listens. */
void service_tell(const char *state);
/* Milliseconds between two signs of life that are asked for; 0: none. */
int64_t service_watchdog_ms(void);
/* A JSON line to stderr: what happens to the server itself. */
void service_say(const char *event, const char *key, const char *value);

/* ---- revocation lists (lists.c), and what servers do by themselves (duties.c) ---- */

struct lists; /* those in memory */
struct lists *lists_new(void);
void lists_free(struct lists *l);

/* A thread with a core of its own that does something again and again: each lane of duties, and the
 * one that looks for changed answers. */
struct lane;
typedef enum inro_err lane_round(struct serving *s, struct lane *l, int64_t *ret_wait_ms);

/* The last failure of each duty that fails now (duties.c). */
#define SAID_MAX 40
struct said {
	struct said_of {
		const char *duty; /* of a table; NULL: a free place */
		char why[ERR_DETAIL_MAX];
	} of[SAID_MAX];
};
/* Is it news that this duty fails so?  why NULL: it was done, and the next failure is news again. */
bool said_is_new(struct said *s, const char *duty, const char *why);

struct lane {
	struct serving *s;
	const char *name; /* by which its own failures are told */
	lane_round *round;
	bool at_end; /* once more when the server ends */
	enum duty_lane which;
	struct core *core;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool runs, ends;
	struct said said;
};

/* ---- what works (health.c) ---- */

#define DUTIES_MAX 32
#define FAULTS_MAX 64 /* keys of CAs; of more nothing is told */
struct health {
	pthread_mutex_t lock;
	struct tokens tokens; /* as they were when they were looked at last */
	/* Of each duty that this server did: did it fail the last time? */
	enum duty_state { DUTY_UNKNOWN, DUTY_DONE, DUTY_FAILED } duties[DUTIES_MAX];
	/* The CAs' keys that failed when a thread of this server wanted them last, and when that was. */
	struct ca_fault {
		int64_t ca, generation, at_ms;
	} faults[FAULTS_MAX];
	atomic_size_t n_faults; /* changed under the lock */
};
lane_round health_look; /* at the tokens */
void health_note_duty(struct health *h, const char *duty, bool failed);
core_ca_used_fn health_note_ca; /* arg: the serving */
/* {"status", "version", "components"}; false: nothing here may be asked. */
MUST_CHECK enum inro_err health_tell(struct serving *s, struct buf *out, bool *ret_serves);
void health_metrics(struct serving *s, struct buf *out);

/* ---- all of it ---- */

struct serving {
	const struct serve_options *o;
	struct est_options est; /* of the protocols' tables */
	struct cmp_options cmp;
	struct http_server *_Atomic server;
	pthread_mutex_t asking; /* for a PIN */
	atomic_bool healthy;
	int64_t started;
	struct own_cert cert;
	struct writers *writers; /* of all its cores */
	struct readers *readers;
	struct core *core; /* the main thread's */
	struct lists *lists;
	struct responder *responder;
	struct health health;
	struct lane lanes[DUTY_LANE__MAX + 3];
};

MUST_CHECK enum inro_err duties_start(struct serving *s);
void duties_end(struct serving *s); /* waits for what is being done */

/* A core for a thread of this server: nobody's, or the server's own. */
MUST_CHECK enum inro_err serving_core(struct serving *s, enum role role, struct core **ret);

/* One round of what is looked at all the time; errors are told and not fatal. */
void background_round(struct serving *s, bool hangup);

/* The routes of the server itself: /healthz, /metrics. */
struct http_table own_routes(struct serving *s);
struct http_table list_routes(struct serving *s);
struct http_table cert_routes(struct serving *s);

#endif
