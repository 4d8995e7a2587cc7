/* migrate - unlock, fill a staged token object by object, bring it over. */
#include "tools/import/migrate.h"

#include "base/cryptoki/client.h"
#include "base/file.h"
#include "tools/import/stage.h"
#include "tools/import/template.h"

static const CK_OBJECT_CLASS class_of[MIGRATE__MAX] = {
	[MIGRATE_PRIVATE] = CKO_PRIVATE_KEY, [MIGRATE_PUBLIC] = CKO_PUBLIC_KEY,
	[MIGRATE_SECRET] = CKO_SECRET_KEY,   [MIGRATE_CERT] = CKO_CERTIFICATE,
	[MIGRATE_DATA] = CKO_DATA,
};

/* What a module says of an object that it doesn't take; whatever else goes wrong ends the import.
 */
static const enum inro_err refusals[] = {
	INRO_E_UNSUPPORTED,
	INRO_E_DAMAGED,
	INRO_E_POLICY,
	INRO_E_KEY_SIZE,
	INRO_E_KEY_TYPE,
	INRO_E_KEY_USE,
	INRO_E_ATTR_TYPE,
	INRO_E_ATTR_VALUE,
	INRO_E_ATTR_READ_ONLY,
	INRO_E_ATTR_SENSITIVE,
	INRO_E_CURVE,
	INRO_E_TEMPLATE_INCOMPLETE,
	INRO_E_TEMPLATE_INCONSISTENT,
	INRO_E_MECHANISM,
	INRO_E_ACTION_PROHIBITED,
	INRO_E_SYNTAX,
	INRO_E_TOO_BIG,
	INRO_E_PUBLIC_KEY,
	INRO_E_PARAMETER_SET,
	INRO_E_DOMAIN_PARAMS,
};

static bool is_refusal(enum inro_err e)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i] == e)
			return true;
	return false;
}

void migrate_result_clear(struct migrate_result *r)
{
	buf_clear(&r->why);
	*r = (struct migrate_result) { 0 };
}

struct migration {
	const struct migrate_plan *plan;
	struct secret key;
	struct ck_module *module;
	CK_SESSION_HANDLE session;
	struct migrate_result *result;
};

static void migration_clear(struct migration *m)
{
	secret_clear(&m->key);
	ck_module_close(m->module);
}

static struct inro_text text(struct bytes b)
{
	return (struct inro_text) { .p = (const char *)b.p, .n = b.n };
}

/* ---- SoftHSM's side ---- */

static enum inro_err unlock(struct migration *m)
{
	const struct softhsm_token *from = m->plan->from;
	SCOPED(secret) so = { 0 };
	enum inro_err e = softhsm_unlock(from->user, m->plan->user_pin, &m->key);

	if (e)
		return err_context(e, "PIN of SoftHSM's token '%s'", from->label);
	e = softhsm_unlock(from->so, m->plan->so_pin, &so);
	if (e)
		return err_context(e, "SO PIN of SoftHSM's token '%s'", from->label);
	if (!secret_equal(secret_bytes(&m->key), secret_bytes(&so)))
		return err_set(INRO_E_DAMAGED,
			       "SoftHSM's token '%s' has another key under its SO PIN than under "
			       "its PIN",
			       from->label);
	return INRO_OK;
}

/* ---- one object ---- */

static enum inro_err create(struct migration *m, const struct softhsm_object *o)
{
	SCOPED(softhsm_template) t = { 0 };
	CK_OBJECT_HANDLE handle;
	CK_ULONG class = softhsm_ulong(o, CKA_CLASS);
	enum inro_err e = softhsm_template(o, &m->key, &t);

	if (!e)
		e = ck_err(m->module,
			   ck_module_functions(m->module)->C_CreateObject(m->session, t.a, t.n,
									  &handle),
			   "C_CreateObject");
	for (size_t i = 0; !e && i < MIGRATE__MAX; i++)
		m->result->taken[i] += class_of[i] == class;
	return e;
}

/* A damaged or refused object is noted, so that all of them are told at once. */
static enum inro_err note(struct migration *m, const struct softhsm_object *o, const char *name,
			  enum inro_err why)
{
	SCOPED(buf) detail = { 0 };
	struct buf *out = &m->result->why;

	buf_add_str(&detail, err_detail(why)); /* describing may fail, and record that */
	if (o->n)
		softhsm_describe(o, &m->key, out);
	buf_addf(out, "%s (%s): ", o->n ? "" : "an object", name);
	buf_add(out, buf_bytes(&detail));
	buf_add_str(out, "\n");
	m->result->refused++;
	return buf_err(out);
}

static enum inro_err bring(struct migration *m, const char *name)
{
	struct softhsm_object o = { 0 };
	SCOPED(buf) file = { .secret = true };
	enum inro_err e = softhsm_read(m->plan->from, name, &file);

	if (!e)
		e = softhsm_parse(buf_bytes(&file), &o);
	if (e)
		o.n = 0;
	if (!e)
		e = create(m, &o);
	return is_refusal(e) ? note(m, &o, name, e) : e;
}

/* ---- the staged token ---- */

static enum inro_err open_staged(struct migration *m)
{
	const struct migrate_plan *p = m->plan;
	const struct inro_new_token t = {
		.label = text(bytes_of(p->label)),
		.so_pin = text(p->so_pin),
		.user_pin = text(p->user_pin),
	};
	CK_SLOT_ID slot = 0;
	enum inro_err e = ck_module_open(NULL, &m->module);

	if (e)
		return e;
	if (!ck_module_admin(m->module))
		return err_set(INRO_E_UNSUPPORTED,
			       "a token can't be made with %s: it is not Inro's module",
			       ck_module_path(m->module));
	e = ck_err(m->module, ck_module_admin(m->module)->create(&t, &slot), "create");
	if (!e)
		e = ck_session_open(m->module, slot, true, &m->session);
	if (!e)
		e = ck_login(m->module, m->session, CKU_USER, p->user_pin);
	m->result->slot = slot;
	return e;
}

static enum inro_err fill(struct migration *m)
{
	SCOPED(softhsm_names) names = { 0 };
	enum inro_err e = softhsm_list(m->plan->from, &names);

	for (size_t i = 0; !e && i < names.n; i++) {
		e = bring(m, names.v[i]);
		if (e)
			e = err_context(e, "%s of SoftHSM's token '%s'", names.v[i],
					m->plan->from->label);
		m->plan->progress(m->plan->arg, i + 1, names.n);
	}
	if (!e && m->result->refused && !m->plan->skip)
		e = err_set(INRO_E_UNSUPPORTED,
			    "%zu of %zu objects of SoftHSM's token '%s' can't be taken; to leave "
			    "them there, give --skip-unsupported",
			    m->result->refused, names.n, m->plan->from->label);
	return e;
}

/* From the staged home to a file in it. */
static enum inro_err save(struct migration *m, const char *path)
{
	return ck_err(m->module,
		      ck_module_admin(m->module)->backup(m->result->slot, text(bytes_of(path))),
		      "backup");
}

static enum inro_err make_staged(struct migration *m, const char *path)
{
	enum inro_err e = open_staged(m);

	if (!e)
		e = fill(m);
	if (!e)
		e = save(m, path);
	ck_module_close(m->module);
	m->module = NULL;
	return e;
}

static enum inro_err bring_over(struct migration *m, const char *path)
{
	enum inro_err e = ck_module_open(NULL, &m->module);

	return e ? e
		 : ck_err(m->module,
			  ck_module_admin(m->module)->restore(text(bytes_of(path)),
							      &m->result->slot),
			  "restore");
}

enum inro_err migrate_softhsm(const struct migrate_plan *plan, struct migrate_result *ret)
{
	SCOPED(migration) m = { .plan = plan, .result = ret };
	SCOPED(stage) stage = STAGE_NONE;
	AUTO(free_chars) char *file = NULL;
	enum inro_err e = unlock(&m);

	if (!e)
		e = stage_begin(&stage);
	if (e)
		return e;
	file = file_join(stage.path, "whole");
	if (!file)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	e = make_staged(&m, file);
	stage_leave(&stage);
	return e ? e : bring_over(&m, file);
}
