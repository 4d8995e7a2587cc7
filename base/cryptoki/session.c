/* session - opened and closed, one at a time, and nobody's but one's own. */
#include "base/cryptoki/internal.h"

/* As ck_session_open() has it: nobody in particular. */
#define ANYBODY UINT64_MAX

static enum inro_err open_one(struct ck_module *m, CK_SLOT_ID slot, bool write, CK_SESSION_HANDLE *ret)
{
	CK_FLAGS flags = CKF_SERIAL_SESSION | (write ? CKF_RW_SESSION : 0);
	CK_RV rv = ck_module_functions(m)->C_OpenSession(slot, flags, NULL, NULL, ret);

	return ck_err(m, rv, "C_OpenSession");
}

/* What was noted before the module was last initialised is no more. */
static bool is_noted(const struct ck_module *m, const struct given *g)
{
	return g->by != 0 && g->generation == ck_module_generation(m);
}

static struct given *find_given(struct ck_module *m, CK_SESSION_HANDLE session)
{
	struct given *all = ck_module_given(m);

	for (size_t i = 0; i < GIVEN_MAX; i++)
		if (is_noted(m, &all[i]) && all[i].session == session)
			return &all[i];
	return NULL;
}

static struct given *place_for(struct ck_module *m)
{
	struct given *all = ck_module_given(m);

	for (size_t i = 0; i < GIVEN_MAX; i++)
		if (!is_noted(m, &all[i]))
			return &all[i];
	return NULL;
}

/* A number that the module gives again was lost by who had it.  Without a place nobody's right to a
 * number is known, and who has it closes it. */
static void note(struct ck_module *m, CK_SESSION_HANDLE session, uint64_t by)
{
	struct given *g = find_given(m, session);

	if (!g && by != ANYBODY)
		g = place_for(m);
	if (g)
		*g = (struct given) {
			.session = session, .by = by, .generation = ck_module_generation(m)
		};
}

/* False for a number that is another's by now. */
static bool give_back(struct ck_module *m, CK_SESSION_HANDLE session, uint64_t by)
{
	struct given *g = find_given(m, session);

	if (g && g->by != by)
		return false;
	if (g)
		*g = (struct given) { 0 };
	return true;
}

enum inro_err ck_session_open_by(struct ck_module *m, uint64_t by, CK_SLOT_ID slot, bool write,
				 CK_SESSION_HANDLE *ret)
{
	enum inro_err e = ck_module_enter(m);

	if (e == INRO_OK)
		e = ck_sessions_lock(m);
	if (e != INRO_OK)
		return e;
	e = open_one(m, slot, write, ret);
	if (e == INRO_OK)
		note(m, *ret, by);
	ck_sessions_unlock(m);
	return e;
}

enum inro_err ck_session_open(struct ck_module *m, CK_SLOT_ID slot, bool write,
			      CK_SESSION_HANDLE *ret)
{
	return ck_session_open_by(m, ANYBODY, slot, write, ret);
}

void ck_sessions_close_by(struct ck_module *m, uint64_t by, const CK_SESSION_HANDLE *list, size_t n)
{
	enum inro_err e = n > 0 ? ck_sessions_lock(m) : INRO_E_STATE;

	if (e == INRO_E_STATE)
		return; /* within the module's own call */
	for (size_t i = 0; i < n; i++)
		if (e != INRO_OK || give_back(m, list[i], by))
			(void)ck_module_functions(m)->C_CloseSession(list[i]);
	if (e == INRO_OK)
		ck_sessions_unlock(m);
}

void ck_session_close(struct ck_module *m, CK_SESSION_HANDLE session)
{
	ck_sessions_close_by(m, ANYBODY, &session, 1);
}
