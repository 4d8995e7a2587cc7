/* test_homedir - where the home is, and what forked children take over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/conf.h"
#include "base/homedir.h"
#include "base/inherit.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static const char *text_file(const char *name, const char *text)
{
	return scratch_file(name, text, strlen(text));
}

static int set_up(void **state)
{
	(void)state;
	unsetenv("INRO_HOME");
	setenv("INRO_CONFIG", "/dev/null", 1);
	return 0;
}

static int home_is(void *path)
{
	AUTO(free_chars) char *home = NULL;
	enum inro_err e = homedir(false, &home);

	return e ? (int)e : strcmp(home, path) != 0;
}

static void environment(void **state)
{
	AUTO(free_chars) char *home = NULL;
	struct stat st;

	(void)state;
	setenv("INRO_HOME", scratch_path("home/sub"), 1);
	OK(homedir(false, &home));
	assert_string_equal(home, scratch_path("home/sub"));
	assert_int_equal(access(home, F_OK), -1);
	free_chars(&home);
	OK(homedir(true, &home));
	assert_int_equal(stat(home, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	free_chars(&home);
	scratch_file("home/file", "", 0);
	setenv("INRO_HOME", scratch_path("home/file/x"), 1);
	assert_int_equal(homedir(true, &home), INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "INRO_HOME"));
	assert_null(home);
}

static void settings(void **state)
{
	AUTO(free_chars) char *home = NULL;

	(void)state;
	setenv("INRO_CONFIG", text_file("inro.conf", "[inro]\nhome = /srv/tokens\n"), 1);
	OK(home_is((char[]) { "/srv/tokens" }));
	setenv("INRO_HOME", "/elsewhere", 1);
	OK(home_is((char[]) { "/elsewhere" }));
	unsetenv("INRO_HOME");
	setenv("INRO_CONFIG", text_file("wrong.conf", "[inro]\nhome = tokens\n"), 1);
	assert_int_equal(homedir(false, &home), INRO_E_CONFIG);
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "home can't be 'tokens'"));
	setenv("INRO_CONFIG", "/none", 1);
	assert_int_equal(homedir(false, &home), INRO_E_NOT_FOUND);
	assert_null(home);
}

/* As a daemon's worker: another user, nothing in the environment. */
static int as_worker(void *path)
{
	clearenv();
	if (geteuid() == 0 && setuid(65534) != 0)
		return INRO_E_ACCESS;
	return home_is(path);
}

static int as_worker_of_worker(void *path)
{
	clearenv();
	return scratch_child(as_worker, path);
}

static int as_other(void *path)
{
	setenv("INRO_HOME", path, 1);
	return home_is(path);
}

static void children(void **state)
{
	char one[] = "/one", two[] = "/two", three[] = "/three";

	(void)state;
	setenv("INRO_HOME", one, 1);
	OK(home_is(one));
	OK(scratch_child(as_worker, one));
	OK(scratch_child(as_worker_of_worker, one));
	OK(scratch_child(as_other, two));
	setenv("INRO_HOME", three, 1); /* the process itself is bound to nothing */
	OK(home_is(three));
	OK(scratch_child(as_worker, three));
}

/* A library that was begun in one goes on there, whatever its program sets; its children are free. */
static void held(void **state)
{
	char one[] = "/one", two[] = "/two";

	(void)state;
	homedir_hold(one);
	setenv("INRO_HOME", two, 1);
	OK(home_is(one));
	OK(scratch_child(as_other, two));
	homedir_release(two); /* not the one that is held */
	OK(home_is(one));
	homedir_release(one);
	OK(home_is(two));
}

/* Who looks for the home beside the one who ends it never reads what that one frees. */
static void held_by_nobody_any_more(void **state)
{
	char *name = NULL;

	(void)state;
	setenv("INRO_HOME", "/one", 1);
	OK(homedir(false, &name));
	homedir_hold(name);
	setenv("INRO_HOME", "/two", 1);
	memset(name, 'x', strlen(name));
	OK(home_is((char[]) { "/one" }));
	homedir_release(name);
	OK(home_is((char[]) { "/two" }));
	free(name);
}

static int settings_are(void *path)
{
	AUTO(conf_free_ptr) struct conf *c = NULL;
	enum inro_err e;

	unsetenv("INRO_CONFIG");
	e = conf_open(NULL, &c);
	return e ? (int)e : strcmp(conf_name(c), path) != 0;
}

static void settings_of_children(void **state)
{
	AUTO(conf_free_ptr) struct conf *c = NULL;
	char *name = strdup(text_file("of-parent.conf", "[inro]\n"));

	(void)state;
	setenv("INRO_CONFIG", name, 1);
	OK(conf_open(NULL, &c));
	OK(scratch_child(settings_are, name));
	free(name);
}

static void notes(void **state)
{
	static struct inherit i;

	(void)state;
	assert_null(inherited(&i));
	OK(inherit_leave(&i, "a"));
	OK(inherit_leave(&i, "b"));
	OK(inherit_leave(&i, "b"));
	assert_null(inherited(&i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(environment, set_up),
		cmocka_unit_test_setup(settings, set_up),
		cmocka_unit_test_setup(children, set_up),
		cmocka_unit_test_setup(held, set_up),
		cmocka_unit_test_setup(held_by_nobody_any_more, set_up),
		cmocka_unit_test_setup(settings_of_children, set_up),
		cmocka_unit_test(notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
