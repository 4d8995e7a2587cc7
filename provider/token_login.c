/* token_login - the login to a token, and what it has refused (token.h). */
#include "provider/token_private.h"

#include <stdlib.h>
#include <unistd.h>

#include "provider/refused.h"

/* What a program does when it is asked is its own affair: it may wait for a thread that waits for it. */
#define PROGRAM_SECONDS 30

/* What was known may be over, with sessions that somebody else has closed: the session is asked. */
static enum inro_err is_logged_in(const struct seat *s, bool *ret)
{
	CK_SESSION_INFO info;
	CK_RV rv = s->f->C_GetSessionInfo(s->session, &info);

	if (rv != CKR_OK)
		return ck_err(s->m, rv, "C_GetSessionInfo");
	*ret = info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS ||
	       atomic_load(&s->pool->untold);
	return INRO_OK;
}

static struct refusal refusal_by(const struct token *t, enum refused_kind kind, struct bytes what)
{
	return (struct refusal) { kind, t->about.serial, t->about.label, what };
}

bool token_refused_file(const struct seat *s, struct bytes what)
{
	const struct refusal r = refusal_by(s->pool->token, REFUSED_FILE, what);

	return refused_has(s->pool->token->prov, &r);
}

void token_note_refused_file(const struct seat *s, struct bytes what)
{
	const struct refusal r = refusal_by(s->pool->token, REFUSED_FILE, what);

	refused_add(s->pool->token->prov, &r);
}

static enum inro_err try_in_turn(const struct token *t, struct seat *s, CK_USER_TYPE user,
				 const struct refusal *it)
{
	enum inro_err e;

	if (refused_has(t->prov, it))
		return err_set(
			INRO_E_PIN_WRONG,
			"token '%s' refused this PIN before; it was not tried again, so that "
			"the token does not lock: correct the PIN and start the program anew",
			t->about.label);
	e = ck_login(s->m, s->session, user, it->what);
	if (e == INRO_E_PIN_WRONG)
		refused_add(t->prov, it);
	return e;
}

/* With the pool's login lock held. */
static enum inro_err try_pin(const struct token *t, struct seat *s, CK_USER_TYPE user,
			     const struct secret *pin)
{
	const struct refusal it = refusal_by(t, REFUSED_PIN, secret_bytes(pin));
	bool turn = refused_turn(t->prov, &it);
	enum inro_err e = try_in_turn(t, s, user, &it);

	refused_turn_over(t->prov, turn);
	return e;
}

void handed_down_free(struct handed_down *h)
{
	struct handed_down *before;

	for (; h; h = before) {
		before = h->before;
		secret_clear(&h->pin);
		free(h);
	}
}

/* Only the process that made it changes it, and only its children read it.  Without it they are as
 * those of a process that was never logged in. */
static void hand_down(struct token *t, const struct secret *pin)
{
	struct handed_down *last = atomic_load(&t->handed_down), *h;

	if (pin->n == 0 || (last && (last->pid != getpid() ||
				     secret_equal(secret_bytes(&last->pin), secret_bytes(pin)))))
		return;
	h = calloc(1, sizeof *h);
	if (!h || secret_copy(secret_bytes(pin), &h->pin) != INRO_OK) {
		free(h);
		return;
	}
	secret_keep_on_fork(&h->pin);
	h->pid = getpid();
	h->before = last;
	if (!atomic_compare_exchange_strong(&t->handed_down, &last, h)) {
		h->before = NULL;
		handed_down_free(h); /* another thread has logged in, too */
	}
}

static bool is_out_of_reach(enum inro_err e)
{
	return e == INRO_E_PIN_MISSING || e == INRO_E_ACCESS || e == INRO_E_NOT_FOUND;
}

/* A worker of a daemon may read neither the file that its parent had the PIN from nor its
 * environment. */
static enum inro_err obtain(const struct token *t, const struct pin_source *from,
			    struct secret *ret)
{
	const struct handed_down *h = atomic_load(&t->handed_down);
	enum inro_err e;

	if (t->about.info.flags & CKF_PROTECTED_AUTHENTICATION_PATH)
		return INRO_OK;
	e = pin_obtain(t->prov, from, t->about.label, ret);
	if (is_out_of_reach(e) && h && h->pid != getpid())
		e = secret_copy(secret_bytes(&h->pin), ret);
	return e;
}

/* With the pool's login lock held. */
static enum inro_err log_in(struct token *t, struct seat *s, const struct secret *pin)
{
	bool yes = false;
	enum inro_err e = try_pin(t, s, CKU_USER, pin);

	if (!e)
		e = is_logged_in(s, &yes);
	if (e)
		return e;
	atomic_store(&s->pool->untold, !yes);
	hand_down(t, pin);
	return INRO_OK;
}

/* What came of a pipe serves all logins: nothing more comes there, or only when somebody writes. */
static enum inro_err obtain_again(const struct token *t, const struct pin_source *from,
				  struct secret *ret)
{
	const struct handed_down *h = atomic_load(&t->handed_down);
	const struct refusal it = refusal_by(t, REFUSED_PIN, h ? secret_bytes(&h->pin) : BYTES_NONE);
	struct asked pipe;

	if (h && pin_comes_once(t->prov, from->uri, &pipe) && !refused_has(t->prov, &it))
		return secret_copy(secret_bytes(&h->pin), ret);
	return obtain(t, from, ret);
}

/* A program that many threads want the PIN of is asked once. */
struct asking_program {
	const struct token *t;
	const struct seat *s;
	const struct pin_source *from;
	struct asking turn;
	bool logged_in;
};

static void asking_program_clear(struct asking_program *a)
{
	asking_clear(&a->turn);
}

static int ask_in_turn(char *room, size_t n, size_t *ret_n, const OSSL_PARAM params[], void *arg)
{
	struct asking_program *a = arg;
	const struct asked program = asked_program(a->t);

	asking_begin(&program, PROGRAM_SECONDS, &a->turn);
	if (is_logged_in(a->s, &a->logged_in) == INRO_OK && a->logged_in)
		return 0;
	return a->from->ask(room, n, ret_n, params, a->from->arg);
}

static enum inro_err log_in_with(struct token *t, struct seat *s, const struct secret *pin)
{
	bool yes = false;
	enum inro_err e;

	pthread_mutex_lock(&s->pool->login);
	e = is_logged_in(s, &yes); /* another thread was first */
	if (!e && !yes)
		e = log_in(t, s, pin);
	pthread_mutex_unlock(&s->pool->login);
	return e;
}

/* The program's turn lasts until the token knows its answer. */
static enum inro_err obtain_and_log_in(struct token *t, struct seat *s,
				       const struct pin_source *from)
{
	SCOPED(asking_program) program = { .t = t, .s = s, .from = from };
	const struct pin_source in_turn = { from->uri, from->ask ? ask_in_turn : NULL, &program };
	SCOPED(secret) pin = { 0 };
	enum inro_err e = obtain_again(t, &in_turn, &pin);

	if (program.logged_in)
		return INRO_OK;
	return e ? e : log_in_with(t, s, &pin);
}

/* And a pipe's until the login, which serves those that waited. */
static enum inro_err log_in_by_pipe(struct token *t, struct seat *s, const struct pin_source *from,
				    const struct asked *pipe)
{
	SCOPED(asking) turn = { 0 };
	bool yes = false;
	enum inro_err e;

	asking_begin(pipe, ASKING_PIPE_SECONDS, &turn);
	e = is_logged_in(s, &yes);
	return e || yes ? e : obtain_and_log_in(t, s, from);
}

enum inro_err token_login(struct token *t, struct seat *s, const struct pin_source *from)
{
	struct asked pipe;
	bool yes = !(t->about.info.flags & CKF_LOGIN_REQUIRED);
	enum inro_err e = yes ? INRO_OK : is_logged_in(s, &yes);

	if (e || yes)
		return e;
	if (pin_comes_once(t->prov, from->uri, &pipe))
		return log_in_by_pipe(t, s, from, &pipe);
	return obtain_and_log_in(t, s, from);
}

enum inro_err token_confirm(struct token *t, struct seat *s, const struct pin_source *from)
{
	SCOPED(secret) pin = { 0 };
	enum inro_err e = obtain(t, from, &pin);

	if (e)
		return e;
	pthread_mutex_lock(&s->pool->login);
	e = try_pin(t, s, CKU_CONTEXT_SPECIFIC, &pin);
	pthread_mutex_unlock(&s->pool->login);
	return e;
}
