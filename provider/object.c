/* object - see object.h. */
#include "provider/object.h"

#include <stdlib.h>
#include <string.h>

#include "provider/tss2.h"

/* Where the key is for as long as a pool lasts.  It never changes, so that handle and pool belong
 * together for every thread; one that is over stays in the list, for it may just be read. */
struct place {
	CK_OBJECT_HANDLE handle;
	uint64_t epoch; /* of the pool */
	atomic_bool gone;
	struct place *before;
};

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
	_Atomic(struct place *) places;
};

struct object *object_share(struct object *o)
{
	if (o)
		atomic_fetch_add(&o->shares, 1);
	return o;
}

/* What was loaded for this key alone. */
static void unload(const struct object *o, const struct place *p)
{
	SCOPED(err_kept) kept = err_keep();
	struct seat s;

	(void)kept;
	if (atomic_load(&p->gone) || !token_reenter(o->token, p->epoch, &s))
		return;
	(void)s.f->C_DestroyObject(s.session, p->handle);
	token_leave(&s, true);
}

static void places_free(struct object *o)
{
	struct place *p = atomic_load(&o->places), *before;

	for (; p; p = before) {
		before = p->before;
		if (o->file.n)
			unload(o, p);
		free(p);
	}
}

void object_free(struct object *o)
{
	if (!o || atomic_fetch_sub(&o->shares, 1) != 1)
		return;
	places_free(o);
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

static struct place *place_among(struct place *p, const struct seat *s)
{
	for (; p; p = p->before)
		if (p->epoch == seat_epoch(s) && !atomic_load(&p->gone))
			return p;
	return NULL;
}

/* Of two threads that have come by a handle in one pool, the first one's stays. */
static enum inro_err remember(struct object *o, const struct seat *s, CK_OBJECT_HANDLE handle,
			      struct place **ret)
{
	struct place *p = calloc(1, sizeof *p), *there;

	if (!p)
		return INRO_E_NO_MEMORY;
	p->handle = handle;
	p->epoch = seat_epoch(s);
	p->before = atomic_load(&o->places);
	do {
		there = place_among(p->before, s);
	} while (!there && !atomic_compare_exchange_weak(&o->places, &p->before, p));
	if (there)
		free(p);
	*ret = there ? there : p;
	return INRO_OK;
}

/* An attribute that may be missing; then *ret stays empty. */
static enum inro_err read_attr(struct seat *s, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_TYPE type,
			       struct buf *ret)
{
	enum inro_err e = ck_attr(s->m, s->session, handle, type, ret);

	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* The serial number tells two tokens of one label apart. */
static enum inro_err name_token(const struct token *t, struct p11_uri *name)
{
	const char *serial = token_serial(t);

	name->token = strdup(token_label(t));
	if (*serial)
		name->serial = strdup(serial);
	return name->token && (!*serial || name->serial) ? INRO_OK : INRO_E_NO_MEMORY;
}

static enum inro_err name_object(struct buf *label, struct bytes id, struct p11_uri *name)
{
	if (label->n) {
		name->object = buf_take_str(label);
		if (!name->object)
			return INRO_E_NO_MEMORY;
	}
	if (!id.n)
		return INRO_OK;
	name->id = malloc(id.n);
	if (!name->id)
		return INRO_E_NO_MEMORY;
	memcpy(name->id, id.p, id.n);
	name->id_n = id.n;
	name->has_id = true;
	return INRO_OK;
}

enum inro_err object_name(const struct token *t, struct seat *s, CK_OBJECT_HANDLE handle,
			  enum p11_uri_type type, struct p11_uri *ret)
{
	SCOPED(buf) label = { 0 };
	SCOPED(buf) id = { 0 };
	SCOPED(p11_uri) name = { .type = type };
	enum inro_err e = read_attr(s, handle, CKA_LABEL, &label);

	if (!e)
		e = read_attr(s, handle, CKA_ID, &id);
	if (!e)
		e = name_token(t, &name);
	if (!e)
		e = name_object(&label, buf_bytes(&id), &name);
	if (e)
		return e;
	*ret = name;
	name = (struct p11_uri) { 0 };
	return INRO_OK;
}

static enum inro_err read_name(struct object *o, struct seat *s, CK_OBJECT_HANDLE handle)
{
	bool secret = o->source.type == P11_SECRET_KEY;
	enum inro_err e = object_name(o->token, s, handle, secret ? P11_SECRET_KEY : P11_PRIVATE,
				      &o->name);

	return e ? e
		 : ck_attr_bool(s->m, s->session, handle, CKA_ALWAYS_AUTHENTICATE, &o->ask_always);
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
	struct place *place;
	enum inro_err e = object_start(t, uri, &o);

	if (e)
		return e;
	e = read_name(o, s, handle);
	if (!e)
		e = read_kind(o, s, handle);
	if (!e)
		e = make_reference(o);
	if (!e)
		e = remember(o, s, handle, &place);
	if (e) {
		object_free(o);
		return e;
	}
	*ret = o;
	return INRO_OK;
}

/* Another thread may have loaded it meanwhile: one is enough. */
static enum inro_err load_again(struct object *o, struct seat *s, struct place **ret)
{
	CK_OBJECT_HANDLE handle;
	enum inro_err e = tss2_load(s, buf_bytes(&o->file), secret_bytes(&o->auth), &handle);

	if (e)
		return e;
	e = remember(o, s, handle, ret);
	if (e || (*ret)->handle != handle)
		(void)s->f->C_DestroyObject(s->session, handle);
	return e;
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
	struct place *place;
	enum inro_err e = object_start(t, file->source, &o);

	if (e)
		return e;
	e = take_file(o, file);
	if (!e)
		e = load_again(o, s, &place);
	if (e) {
		e = err_context(e, TSS2_PEM);
		object_free(o);
		return e;
	}
	*ret_handle = place->handle;
	*ret = o;
	return INRO_OK;
}

static enum inro_err find_again(struct object *o, struct seat *s, struct place **ret)
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
	return remember(o, s, handles[0], ret);
}

static enum inro_err place_in(struct object *o, struct seat *s, struct place **ret)
{
	struct place *known =
		place_among(atomic_load_explicit(&o->places, memory_order_acquire), s);
	struct pin_source from = { .uri = &o->source };
	enum inro_err e;

	if (known) {
		*ret = known;
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

struct running {
	struct object *object;
	object_step *step;
	void *arg;
};

/* Where the handle was lost, or the token failed at the key, the key is looked for anew. */
static enum inro_err run_in(struct seat *s, void *arg)
{
	const struct running *r = arg;
	struct object_use use = { .object = r->object, .seat = s };
	struct place *place;
	enum inro_err e = place_in(r->object, s, &place);

	if (e)
		return e;
	use.key = place->handle;
	e = r->step(&use, r->arg);
	s->again = e && use.rv == CKR_DEVICE_ERROR;
	if (s->again || token_lost(s, e))
		atomic_store(&place->gone, true);
	return e;
}

enum inro_err object_run(struct object *o, object_step *step, void *arg)
{
	struct running r = { o, step, arg };
	enum inro_err e = token_run(o->token, run_in, &r);

	return e ? err_context(e, "key %s", o->reference) : INRO_OK;
}
