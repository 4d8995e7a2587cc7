/*
 * token - the tokens that this provider has met: sessions ready for use, and the login.
 *
 * 1. A token is met once and lives as long as the provider; it is known by its label and serial.
 * 2. Its sessions belong to a pool, and a pool to one generation of the module: after a fork, or
 *    when the token was taken out, a new pool takes its place.  The old one's sessions are closed
 *    if this process opened them in this generation; otherwise their numbers may be another's by
 *    now and are never used again.
 * 3. Taking a session and giving it back is one atomic exchange each; no lock is in a sign's way.
 * 4. One session of a pool stays open and unused, so that the login lasts.
 * 5. A PIN that the token refused is not tried a second time, for a login or for a single use, by
 *    this process or those that it forks (refused.h).
 * 6. A forked child takes its PIN from where its parent did; where it can't, it has its parent's.
 *    What came of a pipe serves all logins of both.
 * 7. Threads that want a login at once have the PIN asked for once (asking.h).
 */
#ifndef INRO_PROVIDER_TOKEN_H
#define INRO_PROVIDER_TOKEN_H

#include "provider/pin.h"

struct pool;

/* A session in use by one thread. */
struct seat {
	struct ck_module *m;
	CK_FUNCTION_LIST *f;
	uint64_t generation; /* of the module */
	struct pool *pool;
	CK_SESSION_HANDLE session;
	bool inside; /* the gate (gate.h) */
	bool again;  /* token_run(): a step's wish for another try, whatever it failed with */
};

/* Those that may be meant; the tokens themselves are the provider's. */
struct token_choice {
	struct token **all;
	size_t n;
};
void token_choice_clear(struct token_choice *c);

/* The tokens that a URI names, at least one.  The setting `token` stands in for a URI that names
 * none.  *ret is empty before. */
MUST_CHECK enum inro_err tokens_find(struct prov *p, const struct p11_uri *uri,
				     struct token_choice *ret);
/* The same without that setting. */
MUST_CHECK enum inro_err tokens_named(struct prov *p, const struct p11_uri *uri,
				      struct token_choice *ret);
/* Closes the sessions that no thread is using. */
void tokens_close(struct prov *p);
/* No module is called: tokens_close() comes before. */
void tokens_free(struct prov *p);

const char *token_label(const struct token *t);
const char *token_serial(const struct token *t);
struct prov *token_prov(const struct token *t);

/* A new session that may write; token_leave() is told that it did not go well, so that it is
 * closed. */
MUST_CHECK enum inro_err token_enter_writing(struct token *t, struct seat *ret);
/* Only where the pool of that epoch is still there: for clearing up what was made in it. */
bool token_reenter(struct token *t, uint64_t epoch, struct seat *ret);
/* `well`: the last operation ended cleanly, so that the session is fit for the next. */
void token_leave(struct seat *s, bool well);

/* Logs in unless that was done or the token asks for none.  May ask the program, without a lock. */
MUST_CHECK enum inro_err token_login(struct token *t, struct seat *s,
				     const struct pin_source *from);

/* The PIN once more, for the operation that was just started with a key that wants it at each. */
MUST_CHECK enum inro_err token_confirm(struct token *t, struct seat *s,
				       const struct pin_source *from);

/* Whether the token did not take this file, with this authorisation value behind it: a TPM counts
 * wrong ones. */
bool token_refused_file(const struct seat *s, struct bytes what);
void token_note_refused_file(const struct seat *s, struct bytes what);

/* True when e says that the session, the login or the handle is gone: the operation is worth one
 * more try from its beginning, with the object looked for again.  The pool is given up only when
 * its sessions are gone.  More than once does no harm. */
bool token_lost(struct seat *s, enum inro_err e);

/* Runs the step in a session, and once more from its beginning in another one where session, login
 * or handle were lost.  However many threads meet one loss, each needs no third try. */
typedef enum inro_err token_step(struct seat *s, void *arg);
MUST_CHECK enum inro_err token_run(struct token *t, token_step *step, void *arg);

/* A number that no other pool of this process has: handles are good within one pool. */
uint64_t seat_epoch(const struct seat *s);
/* The session that lasts as long as the pool: objects made in it do so, too.  CK_INVALID_HANDLE where
 * the token has too few sessions. */
CK_SESSION_HANDLE seat_anchor(const struct seat *s);
CK_SLOT_ID seat_slot(const struct seat *s);

#endif
