/* object - see object.h. */
#include "provider/object.h"

#include <stdlib.h>
#include <string.h>

#include "provider/tss2.h"

struct object {
	atomic_int shares;
	struct token *token;
	struct p11_uri source; /* where its PIN comes from */
	struct p11_uri name;   /* what it is found by */
	char *reference;
	struct buf file; /* what it is loaded from; empty: it is looked for by its name */
	struct secret auth;
	bool ask_always;     /* CKA_ALWAYS_AUTHENTICATE */
	CK_ULONG type, size; /* of a secret key */
	atomic_ulong handle;
	_Atomic uint64_t epoch; /* of the pool in which the handle is good */
};

struct object *object_share(struct object *o)
{
	if (o)
		atomic_fetch_add(&o->shares, 1);
	return o;
}

/* What was loaded for this key alone. */
static void unload(struct object *o)
{
	SCOPED(err_kept) kept = err_keep();
	struct seat s;

	(void)kept;
	if (!token_reenter(o->token, atomic_load(&o->epoch), &s))
		return;
	(void)s.f->C_DestroyObject(s.session, atomic_load(&o->handle));
	token_leave(&s, true);
}

void object_free(struct object *o)
{
	if (!o || atomic_fetch_sub(&o->shares, 1) != 1)
		return;
	if (o->file.n)
		unload(o);
	buf_clear(&o->file);
	secret_clear(&o->auth);
	p11_uri_clear(&o->source);
	p11_uri_clear(&o->name);
	free(o->reference);
	free(o);
}

const char *object_reference(const struct object *o)
{
	return o->reference;
}

CK_KEY_TYPE object_key_type(const struct object *o)
{
	return o->type;
}

size_t object_key_size(const struct object *o)
{
	return o->size;
}

struct prov *object_prov(const struct object *o)
{
	return token_prov(o->token);
}

struct bytes object_file(const struct object *o)
{
	return buf_bytes(&o->file);
}

static void remember_handle(struct object *o, const struct seat *s, CK_OBJECT_HANDLE handle)
{
	atomic_store_explicit(&o->handle, handle, memory_order_relaxed);
	atomic_store_explicit(&o->epoch, seat_epoch(s), memory_order_release);
}

/* No pool has this number. */
static void forget_handle(struct object *o)
{
	atomic_store_explicit(&o->epoch, 0, memory_order_release);
}

/* An attribute that may be missing; then *ret stays empty. */
static enum inro_err read_attr(struct seat *s, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_TYPE type,
			       struct buf *ret)
{
	enum inro_err e = ck_attr(s->m, s->session, handle, type, ret);

	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* The serial number tells two tokens of one label apart. */
static enum inro_err name_token(struct object *o)
{
	const char *serial = token_serial(o->token);

	o->name.token = strdup(token_label(o->token));
	if (*serial)
		o->name.serial = strdup(serial);
	return o->name.token && (!*serial || o->name.serial) ? INRO_OK : INRO_E_NO_MEMORY;
}

static enum inro_err read_name(struct object *o, struct seat *s, CK_OBJECT_HANDLE handle)
{
	SCOPED(buf) label = { 0 };
	SCOPED(buf) id = { 0 };
	enum inro_err e = read_attr(s, handle, CKA_LABEL, &label);

	if (!e)
		e = read_attr(s, handle, CKA_ID, &id);
	if (!e)
		e = ck_attr_bool(s->m, s->session, handle, CKA_ALWAYS_AUTHENTICATE, &o->ask_always);
	if (!e)
		e = name_token(o);
	if (e)
		return e;
	o->name.type = o->source.type == P11_SECRET_KEY ? P11_SECRET_KEY : P11_PRIVATE;
	if (label.n)
		o->name.object = buf_take_str(&label);
	if (id.n) {
		o->name.id = malloc(id.n);
		o->name.id_n = id.n;
		o->name.has_id = true;
	}
	if ((label.n && !o->name.object) || (id.n && !o->name.id))
		return INRO_E_NO_MEMORY;
	if (id.n)
		memcpy(o->name.id, id.p, id.n);
	return INRO_OK;
}

/* How long a secret key is need not be told. */
static enum inro_err read_kind(struct object *o, struct seat *s, CK_OBJECT_HANDLE handle)
{
	enum inro_err e;

	if (o->name.type != P11_SECRET_KEY)
		return INRO_OK;
	e = ck_attr_ulong(s->m, s->session, handle, CKA_KEY_TYPE, &o->type);
	if (!e && ck_attr_ulong(s->m, s->session, handle, CKA_VALUE_LEN, &o->size) != INRO_OK)
		o->size = 0;
	return e;
}

/* The reference says where the PIN is, never what it is. */
static enum inro_err make_reference(struct object *o)
{
	SCOPED(buf) text = { 0 };
	char *kept = o->name.pin_source;

	o->name.pin_source = o->source.pin_source;
	p11_uri_print(&o->name, &text);
	o->name.pin_source = kept;
	o->reference = buf_take_str(&text);
	return o->reference ? INRO_OK : INRO_E_NO_MEMORY;
}

/* Empty but for the token and where its PIN comes from. */
static enum inro_err object_start(struct token *t, const struct p11_uri *source,
				  struct object **ret)
{
	struct object *o = calloc(1, sizeof *o);
	enum inro_err e;

	if (!o)
		return INRO_E_NO_MEMORY;
	o->shares = 1;
	o->token = t;
	e = p11_uri_copy(source, &o->source);
	if (e) {
		object_free(o);
		return e;
	}
	if (o->source.has_pin_value)
		secret_keep_on_fork(&o->source.pin_value);
	*ret = o;
	return INRO_OK;
}

enum inro_err object_new(struct token *t, struct seat *s, CK_OBJECT_HANDLE handle,
			 const struct p11_uri *uri, struct object **ret)
{
	struct object *o;
	enum inro_err e = object_start(t, uri, &o);

	if (e)
		return e;
	e = read_name(o, s, handle);
	if (!e)
		e = read_kind(o, s, handle);
	if (!e)
		e = make_reference(o);
	if (e) {
		object_free(o);
		return e;
	}
	remember_handle(o, s, handle);
	*ret = o;
	return INRO_OK;
}

/* Another thread may have loaded it meanwhile: one is enough. */
static enum inro_err load_again(struct object *o, struct seat *s, CK_OBJECT_HANDLE *ret)
{
	CK_OBJECT_HANDLE handle;
	enum inro_err e = tss2_load(s, buf_bytes(&o->file), secret_bytes(&o->auth), &handle);

	if (e)
		return e;
	if (atomic_load_explicit(&o->epoch, memory_order_acquire) == seat_epoch(s)) {
		(void)s->f->C_DestroyObject(s->session, handle);
		handle = atomic_load_explicit(&o->handle, memory_order_relaxed);
	} else {
		remember_handle(o, s, handle);
	}
	*ret = handle;
	return INRO_OK;
}

static enum inro_err take_file(struct object *o, const struct object_file *file)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e = secret_copy(file->auth, &o->auth);

	secret_keep_on_fork(&o->auth);
	buf_add(&o->file, file->der);
	buf_addf(&text, TSS2_PEM " in token '%s'", token_label(o->token));
	o->reference = buf_take_str(&text);
	if (!e)
		e = buf_err(&o->file);
	return e || o->reference ? e : INRO_E_NO_MEMORY;
}

enum inro_err object_new_of_file(struct token *t, struct seat *s, const struct object_file *file,
				 struct object **ret, CK_OBJECT_HANDLE *ret_handle)
{
	struct object *o;
	enum inro_err e = object_start(t, file->source, &o);

	if (e)
		return e;
	e = take_file(o, file);
	if (!e)
		e = load_again(o, s, ret_handle);
	if (e) {
		e = err_context(e, TSS2_PEM);
		object_free(o);
		return e;
	}
	*ret = o;
	return INRO_OK;
}

static enum inro_err find_again(struct object *o, struct seat *s, CK_OBJECT_HANDLE *ret)
{
	CK_ATTRIBUTE template[3];
	CK_OBJECT_CLASS class;
	CK_OBJECT_HANDLE handles[2];
	CK_ULONG n = p11_uri_template(&o->name, template, &class), found = 0;
	enum inro_err e = ck_find(s->m, s->session, template, n, handles, 2, &found);

	if (e)
		return e;
	if (found == 0)
		return err_set(INRO_E_NOT_FOUND, "it is no longer in its token");
	if (found > 1)
		return err_set(INRO_E_AMBIGUOUS,
			       "another key of that label and id is in the token now: "
			       "give one of them another id");
	remember_handle(o, s, handles[0]);
	*ret = handles[0];
	return INRO_OK;
}

static enum inro_err handle_in(struct object *o, struct seat *s, CK_OBJECT_HANDLE *ret)
{
	struct pin_source from = { .uri = &o->source };
	enum inro_err e;

	if (atomic_load_explicit(&o->epoch, memory_order_acquire) == seat_epoch(s)) {
		*ret = atomic_load_explicit(&o->handle, memory_order_relaxed);
		return INRO_OK;
	}
	e = token_login(o->token, s, &from);
	if (!e)
		e = o->file.n ? load_again(o, s, ret) : find_again(o, s, ret);
	return e;
}

enum inro_err object_confirm(struct object_use *u)
{
	struct pin_source from = { .uri = &u->object->source };

	return u->object->ask_always ? token_confirm(u->object->token, u->seat, &from) : INRO_OK;
}

/* One try; *ret_again when the session or the handle was lost and another try is worth it. */
static enum inro_err run_once(struct object *o, object_step *step, void *arg, bool *ret_again)
{
	struct seat s;
	struct object_use use = { .object = o, .seat = &s };
	enum inro_err e = token_enter(o->token, &s);

	if (e)
		return e;
	e = handle_in(o, &s, &use.key);
	if (!e)
		e = step(&use, arg);
	*ret_again = token_lost(&s, use.rv);
	if (*ret_again)
		forget_handle(o);
	token_leave(&s, !e);
	return e;
}

enum inro_err object_run(struct object *o, object_step *step, void *arg)
{
	bool again = false;
	enum inro_err e = run_once(o, step, arg, &again);

	if (e && again)
		e = run_once(o, step, arg, &again);
	return e ? err_context(e, "key %s", o->reference) : INRO_OK;
}
