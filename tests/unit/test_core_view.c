/*
 * test_core_view - reads of one state: how long a view lasts, and that what it shows decides nothing
 * that was changed meanwhile, by another who has the database open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/ca_signer.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/readers.h"
#include "backoffice/core/view.h"
#include "tests/lib/office.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static struct core *c, *other; /* on the same database */
static char name_now[32];	/* of it */

static int setup(void **state)
{
	static unsigned n;
	const char *name = name_now;
	SCOPED(device) d = { 0 };
	SCOPED(device_group) g = { 0 };

	(void)state;
	snprintf(name_now, sizeof name_now, "view-%u", n++);
	c = office_open(name);
	office_make_cas(c, name);
	other = office_open(name);
	OK(group_add(c, "line", "{}", &g));
	OK(device_add(c, "dev", &(struct device_fields) { .name = "before", .group = "line" }, &d));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_close(other);
	core_close(c);
	return 0;
}

static void name_it(struct core *by, const char *name)
{
	SCOPED(device) d = { 0 };

	OK(device_update(by, "dev", &(struct device_fields) { .name = name }, &d));
}

static void assert_named(const char *name)
{
	SCOPED(device) d = { 0 };

	OK(device_get(c, "dev", &d));
	assert_string_equal(d.name, name);
}

static void test_one_state(void **state)
{
	struct core_view view = { 0 };

	(void)state;
	OK(core_view(c, &view));
	name_it(other, "after");
	assert_named("before");
	core_view_clear(&view);
	assert_named("after");
	core_view_clear(&view);
}

static void test_view_in_view(void **state)
{
	SCOPED(core_view) view = { 0 };

	(void)state;
	OK(core_view(c, &view));
	{
		SCOPED(core_view) inner = { 0 };

		OK(core_view(c, &inner));
	}
	name_it(other, "after");
	assert_named("before");
}

static enum inro_err look_and_name(struct core *by, void *arg)
{
	SCOPED(core_view) view = { 0 };
	SCOPED(device) d = { 0 };
	enum inro_err e = core_view(by, &view);

	if (e == INRO_OK)
		e = device_update_inside(by, "dev", &(struct device_fields) { .name = arg }, &d);
	core_view_end(by);
	return e;
}

static void test_write_ends_it(void **state)
{
	SCOPED(core_view) view = { 0 };
	char name[] = "written";

	(void)state;
	OK(core_view(c, &view));
	assert_named("before");
	name_it(other, "after");
	OK(core_write(c, look_and_name, name));
	assert_false(c->viewing);
	assert_named("written");
	name_it(other, "at last");
	assert_named("at last");
}

/* ---- issuing ---- */

static enum inro_err issue(void)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cert = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .device = "dev" };

	office_csr(office_ec, "dev", &csr);
	r.csr = buf_bytes(&csr);
	return cred_issue(c, &r, &cert);
}

static void test_issue_leaves_none(void **state)
{
	SCOPED(core_view) view = { 0 };
	const struct cred_request bad = { .ca = "issuing", .profile = "none", .device = "dev" };
	SCOPED(cred) cert = { 0 };

	(void)state;
	OK(issue());
	assert_false(c->viewing);
	assert_int_equal(cred_issue(c, &bad, &cert), INRO_E_NOT_FOUND);
	assert_false(c->viewing);
	OK(core_view(c, &view));
	OK(issue());
	assert_false(c->viewing);
}

static void disable(void)
{
	SCOPED(device) d = { 0 };

	OK(device_switch(other, "dev", VERB_DISABLE, "lost", &d));
}

static void retire(void)
{
	SCOPED(ca_view) v = { 0 };

	OK(ca_move(other, "issuing", VERB_RETIRE, "old", &v));
}

static void change_profile(void)
{
	SCOPED(profile_version) v = { 0 };

	OK(profile_give(other, bytes_of(profile_builtin_text("tls-client")), "tls-client.ini",
			PROFILE_ANOTHER, &v));
}

static void change_policy(void)
{
	SCOPED(device_group) g = { 0 };

	const struct group_change to = { .policy = "{\"key_types\": [\"rsa-3072\"]}" };

	OK(group_update(other, "line", &to, &g));
}

static const struct change {
	void (*make)(void);
	enum inro_err seen; /* by a request that began before it */
	enum inro_err next; /* by the next one */
} changes[] = {
	{ disable, INRO_E_STATE, INRO_E_STATE },
	{ retire, INRO_E_STATE, INRO_E_STATE },
	{ change_profile, INRO_E_STATE, INRO_OK },
	{ change_policy, INRO_OK, INRO_E_POLICY }, /* a request has the rules that it came under */
};

/* What was read before the change is in the view. */
static void change_meanwhile(const struct change *m)
{
	SCOPED(core_view) view = { 0 };

	OK(core_view(c, &view));
	assert_named("before");
	m->make();
	assert_named("before");
	assert_int_equal(issue(), m->seen);
	assert_int_equal(issue(), m->next);
}

static void test_changed_meanwhile(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		change_meanwhile(&changes[i]);
		OK(teardown(state));
		OK(setup(state));
	}
}

/* ---- keys ---- */

/* What the CA's key signs, by `by`; true: a view was there until then. */
static bool view_until_signed(struct core *by)
{
	SCOPED(core_view) view = { 0 };
	SCOPED(ca) ca = { 0 };
	SCOPED(cert) cert = { 0 };
	SCOPED(buf) signature = { 0 };
	const struct pki_sig *sig;
	struct ca_signer s;
	bool lasts;

	OK(core_view(by, &view));
	OK(ca_load(by, "issuing", &ca));
	OK(cert_read(blob_bytes(&ca.cert), &cert));
	OK(pubkey_sig(&cert.key, PKI_HASH_NONE, &sig));
	OK(ca_signer_open(by, &ca, &cert, &s));
	lasts = by->viewing;
	OK(ca_sign(by, &s, sig, bytes_of("text"), &signature));
	assert_false(by->viewing);
	return lasts;
}

/* To open a token takes long, and so may its signature; a key that is found already takes nothing. */
static void test_token_ends_it(void **state)
{
	(void)state;
	assert_false(view_until_signed(other));
	assert_true(view_until_signed(other));
}

/* ---- by what several read ---- */

#define VIEWS (READERS_MAX + 2)

static struct core *sharing(struct readers *r)
{
	struct core_options o = office_options();

	o.readers = r;
	return office_open_as(name_now, o);
}

/* Who views behind another reads by what he did, where that pays; an end is an end however it comes, and leaves each
 * its own. */
static void test_readers_are_lent(void **state)
{
	struct readers *r;
	struct core *a, *b;
	struct store *own, *lent;
	struct core_view view = { 0 };

	(void)state;
	OK(readers_open(office_url(name_now), &r));
	a = sharing(r);
	b = sharing(r);
	own = a->store;
	OK(core_view(a, &view));
	lent = a->store;
	assert_int_equal(lent != own, store_keeps_pages(own));
	core_view_clear(&view);
	assert_ptr_equal(a->store, own);
	own = b->store;
	OK(core_view(b, &view));
	assert_int_equal(b->store == lent, store_keeps_pages(own));
	name_it(b, "by one who views"); /* which ends it */
	assert_ptr_equal(b->store, own);
	core_view_clear(&view);
	OK(core_view(a, &view));
	core_close(a); /* what is lent to it is not closed with it */
	OK(core_view(b, &(struct core_view) { 0 }));
	assert_int_equal(b->store == lent, store_keeps_pages(own));
	core_close(b);
	readers_close(r);
	assert_named("by one who views");
}

/* More than there are: each sees its own state, and all can be read by. */
static void test_readers_run_out(void **state)
{
	struct readers *r;
	struct core *all[VIEWS];
	struct core_view views[VIEWS] = { 0 };
	size_t lent = 0;
	char name[32];

	(void)state;
	OK(readers_open(office_url(name_now), &r));
	for (size_t i = 0; i < VIEWS; i++)
		all[i] = sharing(r);
	for (size_t i = 0; i < VIEWS; i++) {
		snprintf(name, sizeof name, "state %zu", i);
		name_it(other, name);
		OK(core_view(all[i], &views[i]));
		lent += all[i]->own != NULL;
	}
	assert_int_equal(lent, store_keeps_pages(other->store) ? READERS_MAX : 0);
	for (size_t i = 0; i < VIEWS; i++) {
		SCOPED(device) d = { 0 };

		snprintf(name, sizeof name, "state %zu", i);
		OK(device_get(all[i], "dev", &d));
		assert_string_equal(d.name, name);
	}
	for (size_t i = 0; i < VIEWS; i++)
		core_close(all[i]);
	readers_close(r);
}

/* One that can't be read by is nobody's any more. */
static void test_reader_is_dropped(void **state)
{
	struct readers *r;
	struct core *by;
	struct core_view view = { 0 };
	bool lends = store_keeps_pages(other->store);

	(void)state;
	OK(readers_open(office_url(name_now), &r));
	by = sharing(r);
	OK(core_view(by, &view));
	core_view_clear(&view);
	if (lends) { /* a transaction of its own does not end */
		struct store *lent = readers_take(r, by->store);

		OK(store_begin(lent, STORE_READ));
		readers_give(r, lent);
	}
	OK(core_view(by, &view));
	assert_null(by->own);
	core_view_clear(&view);
	OK(core_view(by, &view));
	assert_int_equal(by->own != NULL, lends);
	core_view_clear(&view);
	core_close(by);
	readers_close(r);
}

/* That none can be opened is no error: each has its own. */
static void test_readers_of_nothing(void **state)
{
	struct readers *r;
	struct core *by;
	struct core_view view = { 0 };

	(void)state;
	OK(readers_open("sqlite:/nowhere/at/all.db", &r));
	by = sharing(r);
	OK(core_view(by, &view));
	assert_null(by->own);
	core_view_clear(&view);
	core_close(by);
	readers_close(r);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_state),	   T(test_view_in_view),      T(test_write_ends_it),
		T(test_issue_leaves_none), T(test_changed_meanwhile), T(test_token_ends_it),
		T(test_readers_are_lent),  T(test_readers_run_out),   T(test_readers_of_nothing),
		T(test_reader_is_dropped),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
