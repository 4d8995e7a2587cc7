/* session - the table, opening and closing. */
#include "pkcs11/token/session.h"

#include <stdlib.h>

#include "pkcs11/token/people.h"
#include "pkcs11/token/policy.h"

static _Atomic CK_SESSION_HANDLE last_handle;

void sessions_init(struct sessions *all)
{
	for (size_t i = 0; i < SESSION_TABLES; i++) {
		all->tables[i].by_handle = (struct map) { 0 };
		pthread_mutex_init(&all->tables[i].lock, NULL);
	}
	atomic_init(&all->n, 0);
}

bool session_is_rw(const struct session *s)
{
	return (s->flags & CKF_RW_SESSION) != 0;
}

CK_STATE session_state(const struct session *s)
{
	bool rw = session_is_rw(s);

	if (s->token->login == CKU_SO)
		return CKS_RW_SO_FUNCTIONS;
	if (s->token->login == CKU_USER)
		return rw ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
	return rw ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
}

enum inro_err session_may_write(const struct session *s, bool token_object, bool private)
{
	/* before what the session says: PKCS#11 3.2 5.1.6 */
	if (token_object && store_is_read_only(s->token->store))
		return err_set(INRO_E_TOKEN_WRITE_PROTECTED, "the token can only be read here");
	if (token_object && !session_is_rw(s))
		return err_set(INRO_E_SESSION_READ_ONLY, "the session is read-only");
	if (private && s->token->login != CKU_USER)
		return err_set(INRO_E_LOGIN, "the user must log in for private objects");
	return INRO_OK;
}

static bool is_strict(const struct session *s)
{
	return s->token->row.policy == POLICY_STRICT;
}

enum inro_err session_may_be(const struct session *s, const struct attrs *attrs)
{
	return is_strict(s) ? policy_strict(attrs) : INRO_OK;
}

enum inro_err session_may_keep(const struct session *s, const struct object *o)
{
	enum inro_err e = session_may_write(s, attrs_bool(&o->attrs, CKA_TOKEN, false),
					    attrs_bool(&o->attrs, CKA_PRIVATE, false) ||
						    object_has_secret(o));

	return e || !is_strict(s) ? e : policy_strict_new(&o->attrs);
}

static void session_free(struct session *s)
{
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static enum inro_err count_in(struct token *t, bool rw)
{
	enum inro_err e = token_open(t);

	if (e == INRO_E_NO_TOKEN)
		return err_set(INRO_E_TOKEN_UNKNOWN, "the token in slot %lu is not initialised",
			       t->slot);
	if (!e)
		e = token_look(t, false);
	if (!e && !rw && t->login == CKU_SO)
		e = err_set(INRO_E_SO_LOGGED_IN, "no read-only session while the security officer "
						 "is logged in");
	if (e)
		return e;
	t->sessions++;
	t->rw_sessions += rw;
	return INRO_OK;
}

/* With the last session the login ends (PKCS#11 3.0 5.6.2). */
static void count_out(struct token *t, bool rw)
{
	t->sessions--;
	t->rw_sessions -= rw;
	if (t->sessions == 0 && t->login != TOKEN_NOBODY && token_logout(t))
		err_reset();
}

static struct session_table *table_of(struct sessions *all, CK_SESSION_HANDLE handle)
{
	return &all->tables[handle % SESSION_TABLES];
}

static enum inro_err add(struct sessions *all, struct session *s)
{
	struct session_table *table = table_of(all, s->handle);

	if (atomic_fetch_add(&all->n, 1) >= SESSIONS_MAX) {
		atomic_fetch_sub(&all->n, 1);
		return err_set(INRO_E_SESSION_COUNT, "%d sessions are open already", SESSIONS_MAX);
	}
	pthread_mutex_lock(&table->lock);
	enum inro_err e = map_put(&table->by_handle, s->handle, s);

	pthread_mutex_unlock(&table->lock);
	if (e)
		atomic_fetch_sub(&all->n, 1);
	return e;
}

/* Somebody will log in.  What goes wrong there comes back then. */
static void make_ready(struct token *t)
{
	token_enter_gate(t);
	if (t->ops->ready && t->ops->ready(t->backend))
		err_reset();
	token_leave_gate(t);
}

/* It is there for all from here on. */
static enum inro_err publish(struct sessions *all, struct session *s, bool *ret_first)
{
	struct token *t = s->token;
	enum inro_err e;

	token_lock(t);
	e = count_in(t, session_is_rw(s));
	*ret_first = t->sessions == 1;
	if (!e) {
		e = add(all, s);
		if (e)
			count_out(t, session_is_rw(s));
	}
	token_unlock(t);
	return e;
}

enum inro_err session_open(struct sessions *all, struct token *t, CK_FLAGS flags,
			   CK_SESSION_HANDLE *ret)
{
	struct session *s = calloc(1, sizeof *s);
	bool first;
	enum inro_err e;

	if (!s)
		return err_set(INRO_E_NO_MEMORY, "no memory for a session");
	pthread_mutex_init(&s->lock, NULL);
	atomic_init(&s->refs, 2); /* the table's, and ours while we are in it */
	s->handle = atomic_fetch_add(&last_handle, 1) + 1;
	s->token = t;
	s->flags = flags;
	pthread_mutex_lock(&s->lock);
	e = publish(all, s, &first);
	if (e) {
		pthread_mutex_unlock(&s->lock);
		session_free(s);
		return e;
	}
	if (first)
		make_ready(t);
	*ret = s->handle;
	session_leave(s);
	return INRO_OK;
}

/* With a reference of the caller's: the table's own when it is removed. */
static struct session *take(struct sessions *all, CK_SESSION_HANDLE handle, bool remove)
{
	struct session_table *table = table_of(all, handle);
	struct session *s;

	pthread_mutex_lock(&table->lock);
	s = map_get(&table->by_handle, handle);
	if (s && remove)
		map_remove(&table->by_handle, handle);
	else if (s)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	pthread_mutex_unlock(&table->lock);
	if (s && remove)
		atomic_fetch_sub(&all->n, 1);
	return s;
}

static enum inro_err no_session(CK_SESSION_HANDLE handle)
{
	return err_set(INRO_E_SESSION_HANDLE, "there is no session with handle %lu", handle);
}

enum inro_err session_enter(struct sessions *all, CK_SESSION_HANDLE handle, struct session **ret)
{
	struct session *s = take(all, handle, false);

	if (!s)
		return no_session(handle);
	pthread_mutex_lock(&s->lock);
	if (s->closed) {
		session_leave(s);
		return no_session(handle);
	}
	*ret = s;
	return INRO_OK;
}

void session_leave(struct session *s)
{
	if (!s)
		return;
	pthread_mutex_unlock(&s->lock);
	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		session_free(s);
}

static void shut(struct session *s)
{
	struct token *t = s->token;

	op_clear_all(s);
	free(s->search.found);
	s->search = (struct search) { 0 };
	token_lock(t);
	objects_drop_session(t, s->handle);
	count_out(t, session_is_rw(s));
	token_unlock(t);
}

enum inro_err session_close(struct sessions *all, CK_SESSION_HANDLE handle)
{
	struct session *s = take(all, handle, true);

	if (!s)
		return no_session(handle);
	pthread_mutex_lock(&s->lock);
	shut(s);
	s->closed = true;
	session_leave(s);
	return INRO_OK;
}

/* Their handles when they are this token's, or any's without one; the others are 0. */
static enum inro_err open_handles(struct session_table *table, const struct token *t,
				  uint64_t **ret, size_t *ret_n)
{
	enum inro_err e;

	pthread_mutex_lock(&table->lock);
	e = map_keys(&table->by_handle, ret, ret_n);
	for (size_t i = 0; !e && t && i < *ret_n; i++) {
		const struct session *s = map_get(&table->by_handle, (*ret)[i]);

		if (s->token != t)
			(*ret)[i] = 0;
	}
	pthread_mutex_unlock(&table->lock);
	return e;
}

static enum inro_err close_table(struct sessions *all, struct session_table *table,
				 const struct token *t)
{
	uint64_t *handles;
	size_t n;
	enum inro_err e = open_handles(table, t, &handles, &n);

	if (e)
		return e;
	for (size_t i = 0; i < n && !e; i++) {
		if (handles[i] != 0)
			e = session_close(all, (CK_SESSION_HANDLE)handles[i]);
		if (e == INRO_E_SESSION_HANDLE) /* another thread was faster */
			e = INRO_OK;
	}
	free(handles);
	return e;
}

enum inro_err session_close_all(struct sessions *all, const struct token *t)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < SESSION_TABLES && !e; i++)
		e = close_table(all, &all->tables[i], t);
	return e;
}

void sessions_clear(struct sessions *all)
{
	if (session_close_all(all, NULL))
		err_reset();
	for (size_t i = 0; i < SESSION_TABLES; i++) {
		map_clear(&all->tables[i].by_handle);
		pthread_mutex_destroy(&all->tables[i].lock);
	}
}
