/*
 * client - Cryptoki modules of this process: found, loaded, shared, initialised once.
 *
 * 1. A module is known by its dlopen() handle: two names of one file are one module.
 * 2. A module is never unloaded: its threads, atexit() and thread-local destructors may still run.
 * 3. `pid` is the process in which the module was initialised last.  It differs after a fork, and
 *    only then ck_module_enter() takes a lock.
 * 4. A lock names its holder, so that a child can tell a lock that its parent's thread held at
 *    the fork, and a thread a module that calls back into us while it is initialised.
 * 5. The list of modules has a lock under which no module is called.  Each module has two more: one
 *    for its C_Initialize and C_Finalize, so that a module that does not return keeps nobody from
 *    the others, and one for its sessions, which are opened and closed one at a time: tpm2-pkcs11
 *    gives two threads that open at once the same session.  Nobody waits for these for ever: a
 *    module may be waiting for a thread that asks for it.
 * 6. A module is forgotten only by who has its first lock, and when it has no users; who waits for
 *    that lock is one.
 */
#include "base/cryptoki/internal.h"

#include <dlfcn.h>
#include <link.h>
#include <limits.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"

#define MODULE_FILE "inro-pkcs11.so"

typedef CK_RV get_interface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
			    CK_FLAGS flags);

struct ck_module {
	struct ck_module *next;
	unsigned users;
	char *path;
	void *handle;
	CK_FUNCTION_LIST *functions;
	get_interface *interface; /* NULL: a module of before 3.0 */
	const struct inro_admin *admin;
	bool ours; /* we initialised it, in `pid` */
	_Atomic pid_t pid;
	_Atomic uint64_t generation;
	_Atomic uint64_t starting; /* who initialises or finalises it */
	_Atomic uint64_t opening;  /* who opens or closes a session */
	struct given given[GIVEN_MAX];
};

/* Holders of locks: process << 32 | thread; 0: free. */
static _Atomic uint64_t holder;
static struct ck_module *modules;

#define LOCK_MS	   60000
#define SHORT_NAPS 100

/* A nap takes longer than it is asked for, and on a busy machine much longer: the clock counts. */
struct patience {
	int naps;
	int64_t until;
};

static bool wait_a_little(struct patience *p)
{
	static const struct timespec naps[] = { { .tv_nsec = 100000 }, { .tv_nsec = 1000000 } };
	int64_t now = clock_monotonic_ms();

	if (p->naps == 0)
		p->until = now + LOCK_MS;
	if (now >= p->until)
		return false;
	nanosleep(&naps[p->naps >= SHORT_NAPS], NULL);
	p->naps++;
	return true;
}

static enum inro_err lock(_Atomic uint64_t *by)
{
	struct patience patience = { 0 };
	uint64_t process = (uint64_t)process_id() << 32;
	uint64_t me = process | (uint64_t)gettid();
	uint64_t now = atomic_load(by);

	for (;;) {
		bool free_or_stale = now == 0 || (now ^ process) >> 32;

		if (now == me)
			return err_set(
				INRO_E_STATE,
				"a Cryptoki module asks for modules or sessions while it makes one");
		if (free_or_stale && atomic_compare_exchange_strong(by, &now, me))
			return INRO_OK;
		if (free_or_stale)
			continue;
		if (!wait_a_little(&patience))
			return err_set(INRO_E_BUSY, "a Cryptoki module has not come back for a "
						    "minute from another thread's call");
		now = atomic_load(by);
	}
}

static void unlock(_Atomic uint64_t *by)
{
	atomic_store(by, 0);
}

/* The file that this code is part of, a program or a shared library. */
static char *own_file(void)
{
	struct link_map *map = NULL;
	Dl_info info;

	if (!dladdr1((const void *)&modules, &info, (void **)&map, RTLD_DL_LINKMAP) || !map)
		return NULL;
	return *map->l_name ? realpath(map->l_name, NULL) : process_program();
}

/* Cuts the last part off a path. */
static void cut_name(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

static char *if_there(char *path)
{
	if (path && access(path, R_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static char *default_path(void)
{
	AUTO(free_chars) char *dir = own_file();
	const char *set = secure_getenv("INRO_MODULE");
	char *found = NULL;

	if (set && *set)
		return strdup(set);
	if (dir) {
		cut_name(dir);
		found = if_there(file_join(dir, MODULE_FILE));
	}
	if (!found && dir) {
		cut_name(dir);
		found = if_there(file_join(dir, "lib/" MODULE_FILE));
	}
	return found ? found : strdup(INRO_MODULE_PATH);
}

/* A bare name is looked for where p11-kit's modules are, before the linker's own places. */
static char *given_path(const char *path)
{
	AUTO(free_chars) char *dir = strdup(INRO_MODULE_PATH);
	char *found = NULL;

	if (dir && !strchr(path, '/')) {
		cut_name(dir);
		found = if_there(file_join(dir, path));
	}
	return found ? found : strdup(path);
}

/* What we call; a module has to have them all, if only to say that it does not support them. */
#define FUNCTION(name)                                                                             \
	{                                                                                          \
#name, offsetof(CK_FUNCTION_LIST, name)                                            \
	}

static enum inro_err check_functions(const struct ck_module *m)
{
	static const struct {
		const char *name;
		size_t at;
	} needed[] = {
		FUNCTION(C_Initialize),	 FUNCTION(C_Finalize),		FUNCTION(C_GetInfo),
		FUNCTION(C_GetSlotList), FUNCTION(C_GetSlotInfo),	FUNCTION(C_GetTokenInfo),
		FUNCTION(C_OpenSession), FUNCTION(C_CloseSession),	FUNCTION(C_GetSessionInfo),
		FUNCTION(C_Login),	 FUNCTION(C_GetAttributeValue), FUNCTION(C_FindObjectsInit),
		FUNCTION(C_FindObjects), FUNCTION(C_FindObjectsFinal),
	};

	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		const char *list = (const char *)m->functions;
		void *function;

		memcpy(&function, list + needed[i].at, sizeof function);
		if (!function)
			return err_set(INRO_E_CONFIG, "'%s' has no function %s", m->path,
				       needed[i].name);
	}
	return INRO_OK;
}

static enum inro_err load_symbols(struct ck_module *m)
{
	CK_C_GetFunctionList get_list = NULL;
	CK_RV rv;

	*(void **)&get_list = dlsym(m->handle, "C_GetFunctionList");
	*(void **)&m->interface = dlsym(m->handle, "C_GetInterface");
	if (!get_list)
		return err_set(INRO_E_CONFIG, "'%s' is not a Cryptoki module", m->path);
	rv = get_list(&m->functions);
	if (rv != CKR_OK || !m->functions)
		return err_set(INRO_E_CONFIG, "'%s': C_GetFunctionList: %s", m->path,
			       ck_rv_name(rv));
	if (m->functions->version.major < 2 || m->functions->version.major > 3)
		return err_set(INRO_E_CONFIG, "'%s' speaks Cryptoki %d.%d, not 2.x or 3.x", m->path,
			       m->functions->version.major, m->functions->version.minor);
	return check_functions(m);
}

static const struct inro_admin *find_admin(const struct ck_module *m)
{
	CK_UTF8CHAR name[] = INRO_ADMIN_INTERFACE;
	CK_VERSION version = { 1, 1 };
	CK_INTERFACE *found = NULL;

	if (!m->interface || m->interface(name, &version, &found, 0) != CKR_OK || !found)
		return NULL;
	return found->pFunctionList;
}

/* Under its lock.  A module that a fork left initialised in the child says ALREADY, as one does
 * that another library of this process has initialised: both work. */
static enum inro_err initialise(struct ck_module *m)
{
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
	CK_RV rv = m->functions->C_Initialize(&args);
	bool failed = rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED;
	enum inro_err e;

	m->admin = find_admin(m); /* it says why, too */
	e = failed ? ck_err(m, rv, "C_Initialize") : INRO_OK;

	if (rv == CKR_CANT_LOCK)
		return err_set(INRO_E_CONFIG, "'%s' can't be used by several threads", m->path);
	if (e != INRO_OK)
		return err_context(e, "'%s'", m->path);
	m->ours = rv == CKR_OK;
	atomic_fetch_add(&m->generation, 1);
	atomic_store(&m->pid, process_id());
	return INRO_OK;
}

static void module_free(struct ck_module *m)
{
	if (m->handle)
		dlclose(m->handle);
	free(m->path);
	free(m);
}

static struct ck_module *find_loaded(void *handle)
{
	struct ck_module *m = modules;

	while (m && m->handle != handle)
		m = m->next;
	return m;
}

/* Takes the handle and the path's text. */
static enum inro_err module_new(void *handle, char **path, struct ck_module **ret)
{
	struct ck_module *m = calloc(1, sizeof *m);
	enum inro_err e;

	if (!m) {
		dlclose(handle);
		return err_set(INRO_E_NO_MEMORY, "no memory for a Cryptoki module");
	}
	m->handle = handle;
	m->path = *path;
	*path = NULL;
	e = load_symbols(m);
	if (e != INRO_OK) {
		module_free(m);
		return e;
	}
	*ret = m;
	return INRO_OK;
}

/* One more user of what is there; NULL: nothing is. */
static enum inro_err share_loaded(void *handle, struct ck_module **ret)
{
	enum inro_err e = lock(&holder);

	if (e != INRO_OK)
		return e;
	*ret = find_loaded(handle);
	if (*ret)
		(*ret)->users++;
	unlock(&holder);
	return INRO_OK;
}

/* Takes m; of two that are one module, the one that was there stays. */
static enum inro_err share_new(struct ck_module *m, struct ck_module **ret)
{
	struct ck_module *there;
	enum inro_err e = lock(&holder);

	if (e != INRO_OK) {
		module_free(m);
		return e;
	}
	there = find_loaded(m->handle);
	if (!there) {
		m->next = modules;
		modules = m;
	}
	*ret = there ? there : m;
	(*ret)->users++;
	unlock(&holder);
	if (there)
		module_free(m);
	return INRO_OK;
}

/* Takes the handle and the path's text.  A module that is there is not asked for its functions again:
 * p11-kit's proxy makes new ones each time. */
static enum inro_err share_or_load(void *handle, char **path, struct ck_module **ret)
{
	struct ck_module *m = NULL;
	enum inro_err e = share_loaded(handle, &m);

	if (e != INRO_OK || m) {
		dlclose(handle);
		*ret = m;
		return e;
	}
	e = module_new(handle, path, &m);
	return e != INRO_OK ? e : share_new(m, ret);
}

/* Somebody else is in the module's C_Initialize or C_Finalize, and sees to the rest. */
static void step_back(struct ck_module *m)
{
	if (lock(&holder) != INRO_OK)
		return;
	m->users--;
	unlock(&holder);
}

enum inro_err ck_module_open(const char *path, struct ck_module **ret)
{
	AUTO(free_chars) char *name = path && *path ? given_path(path) : default_path();
	struct ck_module *m;
	void *handle;
	enum inro_err e;

	if (!name)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!handle)
		return err_set(INRO_E_CONFIG, "can't load the Cryptoki module: %s", dlerror());
	e = share_or_load(handle, &name, &m);
	if (e != INRO_OK)
		return e;
	e = ck_module_enter(m);
	if (e == INRO_OK)
		*ret = m;
	else if (e == INRO_E_BUSY) /* to close it would be to wait as long again */
		step_back(m);
	else
		ck_module_close(m);
	return e;
}

static void take_out(const struct ck_module *m)
{
	struct ck_module **at = &modules;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
}

/* Whether that was its last user.  Who comes now finds it uninitialised, and waits. */
static bool give_up(struct ck_module *m, bool *ret_finalise)
{
	bool last;

	*ret_finalise = false;
	if (lock(&holder) != INRO_OK)
		return false;
	last = --m->users == 0;
	/* What a parent initialised is not a child's to finalise. */
	*ret_finalise = last && m->ours && m->pid == process_id();
	if (last) {
		m->ours = false;
		atomic_store(&m->pid, 0);
	}
	unlock(&holder);
	return last;
}

/* With its lock, which is given back. */
static void forget_unless_wanted(struct ck_module *m)
{
	bool listed = lock(&holder) == INRO_OK, wanted = !listed || m->users > 0;

	if (!wanted)
		take_out(m);
	unlock(&m->starting);
	if (listed)
		unlock(&holder);
	if (!wanted)
		module_free(m);
}

static void close_started(struct ck_module *m)
{
	bool finalise;

	if (!give_up(m, &finalise)) {
		unlock(&m->starting);
		return;
	}
	if (finalise)
		(void)m->functions->C_Finalize(NULL);
	forget_unless_wanted(m);
}

void ck_module_close(struct ck_module *m)
{
	if (!m)
		return;
	if (lock(&m->starting) == INRO_OK)
		close_started(m);
	else
		step_back(m);
}

void ck_module_close_ptr(struct ck_module **m)
{
	ck_module_close(*m);
	*m = NULL;
}

enum inro_err ck_module_enter(struct ck_module *m)
{
	enum inro_err e;

	if (atomic_load(&m->pid) == process_id())
		return INRO_OK;
	e = lock(&m->starting);
	if (e != INRO_OK)
		return e;
	if (m->pid != process_id())
		e = initialise(m);
	unlock(&m->starting);
	return e;
}

void ck_module_lost(struct ck_module *m, uint64_t generation)
{
	if (lock(&m->starting) != INRO_OK)
		return;
	if (atomic_load(&m->generation) == generation)
		atomic_store(&m->pid, 0);
	unlock(&m->starting);
}

enum inro_err ck_sessions_lock(struct ck_module *m)
{
	return lock(&m->opening);
}

void ck_sessions_unlock(struct ck_module *m)
{
	unlock(&m->opening);
}

struct given *ck_module_given(struct ck_module *m)
{
	return m->given;
}

uint64_t ck_module_generation(const struct ck_module *m)
{
	return atomic_load(&m->generation);
}

CK_FUNCTION_LIST *ck_module_functions(const struct ck_module *m)
{
	return m->functions;
}

const struct ck_functions_3_2 *ck_module_functions_3_2(const struct ck_module *m)
{
	CK_UTF8CHAR name[] = "PKCS 11";
	CK_VERSION version = { 3, 2 };
	CK_INTERFACE *found = NULL;

	if (!m->interface || m->interface(name, &version, &found, 0) != CKR_OK || !found)
		return NULL;
	return found->pFunctionList;
}

const struct inro_admin *ck_module_admin(const struct ck_module *m)
{
	return m->admin;
}

const char *ck_module_path(const struct ck_module *m)
{
	return m->path;
}

enum inro_err ck_err(const struct ck_module *m, CK_RV rv, const char *function)
{
	enum inro_err e = ck_rv_err(rv);
	const char *words = "";

	if (rv == CKR_OK)
		return INRO_OK;
	if (m->admin && m->admin->last_error)
		words = m->admin->last_error();
	log_debug("%s of %s: %s %s", function, m->path, ck_rv_name(rv), words);
	if (*words)
		return err_set(e, "%s", words);
	return err_set(e, "%s (%s: %s)", err_text(e), function, ck_rv_name(rv));
}

enum inro_err ck_fits(const struct ck_module *m, CK_ULONG n, CK_ULONG room, const char *function)
{
	if (n <= room)
		return INRO_OK;
	return err_set(INRO_E_TOKEN, "%s of '%s' gave %lu bytes where there was room for %lu", function,
		       m->path, n, room);
}
