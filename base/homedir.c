/* homedir - see homedir.h. */
#include "base/homedir.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/file.h"
#include "base/inherit.h"
#include "base/process.h"

static struct inherit parents;
static _Atomic(const char *) held;  /* whose hold it is: not looked into, as it may be gone */
static _Atomic(const char *) bound; /* a note's text, which stays */
static _Atomic pid_t held_by;

void homedir_hold(const char *name)
{
	atomic_store(&bound, inherit_text(&parents, name));
	atomic_store(&held_by, process_id());
	atomic_store(&held, name);
}

/* Another one may be held by now. */
void homedir_release(const char *name)
{
	(void)atomic_compare_exchange_strong(&held, &name, NULL);
}

static const char *held_here(void)
{
	return atomic_load(&held_by) == process_id() && atomic_load(&held) ? atomic_load(&bound) : NULL;
}

static const char *env(const char *name)
{
	const char *v = secure_getenv(name);

	return v && *v ? v : NULL;
}

static enum inro_err taken(char *name, char **ret)
{
	*ret = name;
	return name ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a path");
}

static enum inro_err by_default(char **ret)
{
	const char *dir;

	if (geteuid() == 0)
		return taken(strdup("/var/lib/inro"), ret);
	dir = env("XDG_DATA_HOME");
	if (dir)
		return taken(file_join(dir, "inro"), ret);
	dir = env("HOME");
	if (dir)
		return taken(file_join(dir, ".local/share/inro"), ret);
	return err_set(INRO_E_CONFIG,
		       "neither INRO_HOME nor HOME is set: set INRO_HOME to a folder, or home in "
		       "the section [inro] of /etc/inro/inro.conf");
}

static enum inro_err by_settings(char **ret)
{
	AUTO(conf_free_ptr) struct conf *c = NULL;
	const char *dir;
	enum inro_err e = conf_open(NULL, &c);

	if (e)
		return e;
	dir = conf_get(c, "inro", "home");
	if (!dir || !*dir)
		return by_default(ret);
	if (*dir != '/')
		return err_set(INRO_E_CONFIG, "%s: home can't be '%s', only an absolute path",
			       conf_name(c), dir);
	return taken(strdup(dir), ret);
}

static enum inro_err name_of_home(char **ret)
{
	const char *dir = held_here();

	if (!dir)
		dir = env("INRO_HOME");
	if (!dir)
		dir = inherited(&parents);
	return dir ? taken(strdup(dir), ret) : by_settings(ret);
}

enum inro_err homedir(bool make, char **ret)
{
	AUTO(free_chars) char *name = NULL;
	enum inro_err e = name_of_home(&name);

	if (!e)
		e = inherit_leave(&parents, name);
	if (e)
		return e;
	e = make ? file_make_dir(name) : INRO_OK;
	if (e)
		return err_context(e, "the home folder INRO_HOME");
	*ret = name;
	name = NULL;
	return INRO_OK;
}
