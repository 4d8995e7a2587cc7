/* find - tokens and objects of a module. */
#include "base/cryptoki/internal.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX   65536UL
#define LIST_TRIES  100	    /* while tokens are made */
#define OBJECTS_MAX 4194304 /* more than any token has */

struct token_list {
	struct ck_token *items;
	size_t n;
	size_t unreadable;
	char trouble[256]; /* why the first unreadable token is */
};

static void token_list_clear(struct token_list *l)
{
	free(l->items);
	*l = (struct token_list) { 0 };
}

static enum inro_err slots_once(struct ck_module *m, CK_SLOT_ID **slots, CK_ULONG *n, CK_RV *ret_rv)
{
	CK_FUNCTION_LIST *f = ck_module_functions(m);
	enum inro_err e = ck_err(m, f->C_GetSlotList(CK_TRUE, NULL, n), "C_GetSlotList");
	CK_SLOT_ID *room;
	CK_ULONG most;

	if (e != INRO_OK)
		return e;
	if (*n > SLOTS_MAX)
		return err_set(INRO_E_TOO_BIG, "'%s' has %lu slots", ck_module_path(m), *n);
	room = realloc(*slots, (*n + 1) * sizeof *room);
	if (!room)
		return err_set(INRO_E_NO_MEMORY, "no memory for a list of slots");
	*slots = room;
	most = *n;
	*ret_rv = f->C_GetSlotList(CK_TRUE, room, n);
	if (*ret_rv == CKR_OK && *n > most)
		return err_set(INRO_E_TOKEN, "'%s' lists more slots than there is room for",
			       ck_module_path(m));
	return *ret_rv == CKR_BUFFER_TOO_SMALL ? INRO_OK : ck_err(m, *ret_rv, "C_GetSlotList");
}

static void free_slots(CK_SLOT_ID **p)
{
	free(*p);
}

/* A token may be made between the two calls: then once more. */
static enum inro_err slot_list(struct ck_module *m, CK_SLOT_ID **ret, CK_ULONG *ret_n)
{
	AUTO(free_slots) CK_SLOT_ID *slots = NULL;
	CK_ULONG n = 0;
	CK_RV rv = CKR_BUFFER_TOO_SMALL;
	enum inro_err e = INRO_OK;

	for (int i = 0; e == INRO_OK && rv == CKR_BUFFER_TOO_SMALL && i < LIST_TRIES; i++)
		e = slots_once(m, &slots, &n, &rv);
	if (e == INRO_OK)
		e = ck_err(m, rv, "C_GetSlotList");
	if (e != INRO_OK)
		return e;
	*ret = slots;
	*ret_n = n;
	slots = NULL;
	return INRO_OK;
}

static bool asks_library(const struct p11_uri *u)
{
	return u->library_manufacturer || u->library_description || u->has_library_version;
}

static bool asks_token(const struct p11_uri *u)
{
	return u->token || u->manufacturer || u->serial || u->model;
}

static enum inro_err library_fits(struct ck_module *m, const struct p11_uri *u, bool *ret)
{
	CK_INFO info;
	CK_RV rv;

	if (!u || !asks_library(u)) {
		*ret = true;
		return INRO_OK;
	}
	rv = ck_module_functions(m)->C_GetInfo(&info);
	if (rv == CKR_OK)
		*ret = p11_uri_matches_library(u, &info);
	return ck_err(m, rv, "C_GetInfo");
}

static bool slot_fits(struct ck_module *m, const struct p11_uri *u, CK_SLOT_ID slot)
{
	CK_SLOT_INFO info;

	if (!u || !(u->has_slot_id || u->slot_manufacturer || u->slot_description))
		return true;
	return ck_module_functions(m)->C_GetSlotInfo(slot, &info) == CKR_OK &&
	       p11_uri_matches_slot(u, slot, &info);
}

static void note_trouble(struct ck_module *m, struct token_list *l, CK_RV rv)
{
	enum inro_err e = ck_err(m, rv, "C_GetTokenInfo");

	if (l->unreadable++ == 0)
		strncat(l->trouble, err_detail(e), sizeof l->trouble - 1);
}

static void look_at_slot(struct ck_module *m, const struct p11_uri *u, bool blank, CK_SLOT_ID slot,
			 struct token_list *l)
{
	struct ck_token t = { .slot = slot };

	if (!slot_fits(m, u, slot))
		return;
	t.state = ck_module_functions(m)->C_GetTokenInfo(slot, &t.info);
	if (t.state == CKR_TOKEN_NOT_PRESENT)
		return;
	if (t.state != CKR_OK) {
		note_trouble(m, l, t.state);
		memset(&t.info, 0, sizeof t.info);
		if (!u || !asks_token(u))
			l->items[l->n++] = t;
		return;
	}
	if ((!blank && !(t.info.flags & CKF_TOKEN_INITIALIZED)) ||
	    (u && !p11_uri_matches_token(u, &t.info)))
		return;
	p11_field_text(t.info.label, sizeof t.info.label, t.label, sizeof t.label);
	p11_field_text(t.info.serialNumber, sizeof t.info.serialNumber, t.serial, sizeof t.serial);
	l->items[l->n++] = t;
}

static enum inro_err list_tokens(struct ck_module *m, const struct p11_uri *u, bool blank,
				 struct token_list *l)
{
	AUTO(free_slots) CK_SLOT_ID *slots = NULL;
	CK_ULONG n = 0;
	bool fits = false;
	enum inro_err e = ck_module_enter(m);

	if (e == INRO_OK)
		e = library_fits(m, u, &fits);
	if (e == INRO_OK)
		e = slot_list(m, &slots, &n);
	if (e != INRO_OK)
		return e;
	l->items = calloc(n + 1, sizeof *l->items);
	if (!l->items)
		return err_set(INRO_E_NO_MEMORY, "no memory for a list of tokens");
	for (CK_ULONG i = 0; fits && i < n; i++)
		look_at_slot(m, u, blank, slots[i], l);
	return INRO_OK;
}

enum inro_err ck_tokens(struct ck_module *m, const struct p11_uri *uri, bool blank,
			struct ck_token **ret, size_t *ret_n)
{
	SCOPED(token_list) l = { 0 };
	enum inro_err e = list_tokens(m, uri, blank, &l);

	if (e != INRO_OK)
		return e;
	*ret = l.items;
	*ret_n = l.n;
	l.items = NULL;
	return INRO_OK;
}

/* "labelled 'x'", or the URI where more than a label was asked for. */
static enum inro_err describe(const struct p11_uri *u, char **ret)
{
	SCOPED(buf) text = { 0 };

	if (!u || !(asks_token(u) || asks_library(u) || u->has_slot_id || u->slot_description ||
		    u->slot_manufacturer))
		buf_add_str(&text, "token");
	else if (u->token && !u->serial && !u->model && !u->manufacturer && !u->has_slot_id)
		buf_addf(&text, "token labelled '%s'", u->token);
	else {
		buf_add_str(&text, "token that fits ");
		p11_uri_print(u, &text);
	}
	*ret = buf_take_str(&text);
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a text");
}

static enum inro_err not_one(const struct token_list *l, const struct p11_uri *u)
{
	AUTO(free_chars) char *what = NULL;
	enum inro_err e = describe(u, &what);

	if (e != INRO_OK)
		return e;
	if (l->n > 1)
		return err_set(INRO_E_AMBIGUOUS,
			       "there is more than one %s: '%s' (slot:%lu, serial:%s), '%s' "
			       "(slot:%lu, serial:%s)%s; name %s",
			       what, l->items[0].label, l->items[0].slot, l->items[0].serial,
			       l->items[1].label, l->items[1].slot, l->items[1].serial,
			       l->n > 2 ? ", ..." : "",
			       u && u->token ? "it by slot or serial" : "one: the URI's token=LABEL says which");
	if (l->unreadable)
		return err_set(INRO_E_NOT_FOUND, "there is no %s; %zu can't be read: %s", what,
			       l->unreadable, l->trouble);
	return err_set(INRO_E_NOT_FOUND, "there is no %s%s", what,
		       u && u->token ? "; 'inro token list' shows the ones there are" : "");
}

enum inro_err ck_token_one(struct ck_module *m, const struct p11_uri *uri, struct ck_token *ret)
{
	SCOPED(token_list) l = { 0 };
	enum inro_err e = list_tokens(m, uri, false, &l);

	if (e != INRO_OK)
		return e;
	if (l.n != 1)
		return not_one(&l, uri);
	if (l.items[0].state != CKR_OK)
		return err_set(ck_rv_err(l.items[0].state), "%s", l.trouble);
	*ret = l.items[0];
	return INRO_OK;
}

static enum inro_err find_some(struct ck_module *m, CK_SESSION_HANDLE session,
			       CK_OBJECT_HANDLE *out, CK_ULONG max, CK_ULONG *ret_n)
{
	CK_FUNCTION_LIST *f = ck_module_functions(m);
	CK_ULONG n = 0, got = 1;
	CK_RV rv = CKR_OK;

	while (rv == CKR_OK && got > 0 && n < max) {
		got = 0;
		rv = f->C_FindObjects(session, out + n, max - n, &got);
		if (got > max - n)
			return err_set(INRO_E_TOKEN, "'%s' found more objects than asked for",
				       ck_module_path(m));
		n += rv == CKR_OK ? got : 0;
	}
	if (rv == CKR_OK)
		*ret_n = n;
	return ck_err(m, rv, "C_FindObjects");
}

enum inro_err ck_find(struct ck_module *m, CK_SESSION_HANDLE session, CK_ATTRIBUTE *template,
		      CK_ULONG n, CK_OBJECT_HANDLE *out, CK_ULONG max, CK_ULONG *ret_n)
{
	CK_FUNCTION_LIST *f = ck_module_functions(m);
	enum inro_err e =
		ck_err(m, f->C_FindObjectsInit(session, template, n), "C_FindObjectsInit");

	if (e != INRO_OK)
		return e;
	e = find_some(m, session, out, max, ret_n);
	(void)f->C_FindObjectsFinal(session);
	return e;
}

static enum inro_err find_growing(struct ck_module *m, CK_SESSION_HANDLE session, struct buf *found)
{
	CK_ULONG got = 0;
	const CK_ULONG step = 256;
	enum inro_err e = INRO_OK;

	do {
		size_t before = found->n;
		void *room = buf_extend(found, step * sizeof(CK_OBJECT_HANDLE));

		if (!room)
			return buf_err(found);
		e = find_some(m, session, room, step, &got);
		buf_truncate(found, before + got * sizeof(CK_OBJECT_HANDLE));
	} while (e == INRO_OK && got == step &&
		 found->n / sizeof(CK_OBJECT_HANDLE) < OBJECTS_MAX);
	if (e == INRO_OK && got == step)
		e = err_set(INRO_E_TOO_BIG, "'%s' finds more objects than a token has",
			    ck_module_path(m));
	return e;
}

enum inro_err ck_find_all(struct ck_module *m, CK_SESSION_HANDLE session, CK_ATTRIBUTE *template,
			  CK_ULONG n, CK_OBJECT_HANDLE **ret, CK_ULONG *ret_n)
{
	SCOPED(buf) found = { 0 };
	CK_FUNCTION_LIST *f = ck_module_functions(m);
	enum inro_err e =
		ck_err(m, f->C_FindObjectsInit(session, template, n), "C_FindObjectsInit");

	if (e != INRO_OK)
		return e;
	e = find_growing(m, session, &found);
	(void)f->C_FindObjectsFinal(session);
	if (e != INRO_OK)
		return e;
	*ret_n = found.n / sizeof(CK_OBJECT_HANDLE);
	*ret = (CK_OBJECT_HANDLE *)(void *)found.p;
	found = (struct buf) { 0 };
	return INRO_OK;
}
