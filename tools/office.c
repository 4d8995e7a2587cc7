/* office - the core behind the commands, and its records as JSON. */
#include "tools/office.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backoffice/core/ca_guard.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/where.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/pem.h"
#include "backoffice/pki/san.h"
#include "base/file.h"
#include "tools/pin.h"
#include "tools/text.h"

static enum inro_err ask_pin(void *arg, const char *token, struct secret *ret)
{
	return pin_take(arg, PIN_USER, token, false, ret);
}

static enum inro_err is_needed(const struct ca_guard *g, const struct ca_guarded *ca, const char *word)
{
	const char *what = g->id.n ? "this key" : "a key in it";
	if (!ca->copies)
		return err_set(INRO_E_STATE,
			       "CA '%s' needs %s, the last copy on record: it could issue nothing and "
			       "sign no list any more; --%s deletes it all the same",
			       ca->name, what, word);
	return err_set(INRO_E_STATE,
		       "CA '%s' needs %s, of which %zu more %s on record: 'inro ca key remove' takes this "
		       "one off it first; --%s deletes it all the same",
		       ca->name, what, ca->copies, ca->copies > 1 ? "copies are" : "copy is", word);
}

static void add_loss(const struct ca_guarded *ca, struct buf *text)
{
	buf_addf(text, "; it was needed by CA %s, ", ca->name);
	if (ca->copies)
		buf_addf(text, "%zu more %s of it on record", ca->copies, ca->copies > 1 ? "copies are" : "copy is");
	else
		buf_add_str(text, "and no other copy is on record");
}

/* A database that does not open holds nothing up that is forced. */
enum inro_err office_guard(const struct call *c, const struct ca_guard *g, const char *word,
			   char **ret)
{
	bool force = call_has(c, word);
	SCOPED(ca_guarded) ca = { 0 };
	SCOPED(buf) text = { 0 };
	enum inro_err e = ca_guard(g, &ca);
	if (e && !force)
		return err_context(e, "whether a CA needs the key can't be told; --%s deletes it", word);
	if (!e && ca.name && !force)
		return is_needed(g, &ca, word);
	if (e)
		buf_add_str(&text, "; whether a CA needed it is not known");
	else if (ca.name)
		add_loss(&ca, &text);
	*ret = text.n ? buf_take_str(&text) : strdup("");
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "memory is short");
}

static enum inro_err ask_password(void *arg, const char *name, struct secret *ret)
{
	return pin_take(arg, PIN_PASSWORD, name, false, ret);
}

struct core_options office_options(const struct call *c)
{
	bool signs = cmd_option_named(c->verb, "pin-source") != NULL;
	const char *as = c->as ? c->as : secure_getenv("INRO_AS");
	const char *tenant = c->tenant ? c->tenant : secure_getenv("INRO_TENANT");
	return (struct core_options) {
		.tenant = tenant && *tenant ? tenant : NULL,
		.accounts = true,
		.as = as,
		.ask_password = ask_password,
		.existing = c->verb->reads,
		.ask_pin = signs ? ask_pin : NULL,
		.pin_known = signs && pin_is_given(c, PIN_USER),
		.ask_arg = (void *)(uintptr_t)c,
	};
}

/* What the row asks of who is at work. */
static enum inro_err admit(struct core *core, const struct call *c)
{
	static const enum role roles[] = {
		[LEAST_UNSAID] = ROLE_ADMIN,	  [LEAST_NONE] = ROLE_AUDITOR,
		[LEAST_AUDITOR] = ROLE_AUDITOR,	  [LEAST_OPERATOR] = ROLE_OPERATOR,
		[LEAST_ADMIN] = ROLE_ADMIN,
	};
	char command[96];
	snprintf(command, sizeof command, "%s %s", c->noun->name, c->verb->name);
	return core_admit(core, roles[c->verb->least], command);
}

enum inro_err office_open(const struct call *c, struct core **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct core_options o = office_options(c);
	enum inro_err e = core_open(&o, &core);
	if (!e)
		e = admit(core, c);
	if (e)
		return e;
	*ret = core;
	core = NULL;
	return INRO_OK;
}

enum inro_err office_list(const struct call *c, office_page *add, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct page page = { 0 };
	json_t *list = json_array();
	enum inro_err e = office_open(c, &core);
	do {
		int64_t next = 0;
		if (!e)
			e = add(core, c, &page, list, &next);
		page.after = next;
	} while (!e && page.after);
	return json_give_or_drop(e, list, ret);
}

static enum inro_err found_pages(struct core *core, const struct call *c, office_found *add,
				 json_t *list, char **next)
{
	size_t wanted = (size_t)call_number(c, "limit", 0);
	struct where_page page = { .sort = call_opt(c, "sort") };
	enum inro_err e;
	do {
		char *following = NULL;
		size_t room = wanted ? wanted - json_array_size(list) : PAGE_MAX;
		page.limit = room < PAGE_MAX ? room : PAGE_MAX;
		page.after = *next;
		e = add(core, c, &page, list, &following);
		free(*next);
		*next = following;
	} while (!e && *next && json_array_size(list) != wanted);
	return e;
}

enum inro_err office_search(const struct call *c, office_found *add, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	AUTO(free_chars) char *next = NULL;
	const char *after = call_opt(c, "after");
	json_t *list = json_array();
	enum inro_err e = office_open(c, &core);
	if (!e && after && !(next = strdup(after)))
		e = err_set(INRO_E_NO_MEMORY, "memory is short");
	if (!e)
		e = found_pages(core, c, add, list, &next);
	if (!e && call_has(c, "limit"))
		list = json_pack("{s:o s:s?}", "items", list, "next", next);
	return json_give_or_drop(e, list, ret);
}

enum inro_err office_new_file(const char *path)
{
	struct stat st;
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		return err_set(INRO_E_EXISTS, "there is a file '%s' already; name another, or move it away", path);
	return file_check_target(path);
}

enum inro_err office_evidence(const struct call *c, struct bytes evidence, json_t *doc)
{
	const char *path = call_opt(c, "evidence");
	enum inro_err e = path ? file_write(path, 0644, evidence) : INRO_OK;
	json_object_set_new(doc, "evidence",
			    json_loadb((const char *)evidence.p, evidence.n, 0, NULL));
	return e ? err_context(e, "it is destroyed, but --evidence is not written") : INRO_OK;
}

void office_note_psk(const struct psk_new *p)
{
	if (*p->unsealed)
		fprintf(stderr,
			"inro: note: only a hash of it is kept, as no key seals secrets (%s): it can't be told again, and CMP "
			"can't use it; 'inro secret seal-key --token TOKEN' makes such a key\n",
			p->unsealed);
}
