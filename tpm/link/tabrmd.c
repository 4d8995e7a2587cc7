/*
 * tabrmd - tpm2-abrmd, the resource manager on D-Bus, through the TCTI of its own package.
 *
 * Its libraries are loaded when they are first needed, and stay: they start threads.
 */
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tcti.h>

#include "tpm/link/wired.h"

#define LOADER	       "libtss2-tctildr.so.0"
#define LOADER_PACKAGE "libtss2-tctildr0"
#define TCTI	       "libtss2-tcti-tabrmd.so.0"
#define TCTI_PACKAGE   "libtss2-tcti-tabrmd0"

typedef TSS2_RC initialize_fn(const char *words, TSS2_TCTI_CONTEXT **ret);
typedef void finalize_fn(TSS2_TCTI_CONTEXT **context);

struct tabrmd {
	struct wired wired;
	TSS2_TCTI_CONTEXT *context;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static initialize_fn *initialize;
static finalize_fn *finalize;

static struct tabrmd *tabrmd_of(struct wired *w)
{
	return (struct tabrmd *)w;
}

/* What the TCTI of tpm2-abrmd understands. */
static enum inro_err parse(struct wired *w, struct bytes rest)
{
	struct bytes name, value;
	enum inro_err e = INRO_OK;

	while (!e && rest.n) {
		e = link_take_word(&rest, &name, &value);
		if (!e && !bytes_is(name, "bus_name") && !bytes_is(name, "bus_type"))
			e = err_set(INRO_E_CONFIG, "%s: bus_type=session|system, bus_name=NAME",
				    w->tcti);
	}
	return e;
}

static enum inro_err load_one(const char *file, const char *package, void **ret)
{
	*ret = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	return *ret ? INRO_OK
		    : err_set(INRO_E_CONFIG, "tabrmd: needs %s: install the package %s (Debian)",
			      file, package);
}

static enum inro_err load_locked(void)
{
	void *loader = NULL, *tcti = NULL;
	enum inro_err e = initialize ? INRO_OK : load_one(LOADER, LOADER_PACKAGE, &loader);

	if (!e && loader)
		e = load_one(TCTI, TCTI_PACKAGE, &tcti);
	if (e || !loader)
		return e;
	finalize = (finalize_fn *)dlsym(loader, "Tss2_TctiLdr_Finalize");
	initialize = (initialize_fn *)dlsym(loader, "Tss2_TctiLdr_Initialize");
	if (!initialize || !finalize)
		return err_set(INRO_E_CONFIG, "tabrmd: " LOADER " is not what it should be");
	return INRO_OK;
}

static enum inro_err load(void)
{
	enum inro_err e;

	(void)pthread_mutex_lock(&lock);
	e = load_locked();
	(void)pthread_mutex_unlock(&lock);
	return e;
}

/* The signals are the application's; the D-Bus library's threads get none. */
static TSS2_RC initialize_quietly(const char *words, TSS2_TCTI_CONTEXT **ret)
{
	sigset_t everything, before;
	TSS2_RC rc;

	sigfillset(&everything);
	(void)pthread_sigmask(SIG_SETMASK, &everything, &before);
	rc = initialize(words, ret);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static int descriptor_of(TSS2_TCTI_CONTEXT *context)
{
	TSS2_TCTI_POLL_HANDLE handle = { .fd = -1 };
	size_t n = 1;

	return Tss2_Tcti_GetPollHandles(context, &handle, &n) == TSS2_RC_SUCCESS && n == 1
		       ? handle.fd
		       : -1;
}

static enum inro_err open_context(struct wired *w)
{
	struct tabrmd *t = tabrmd_of(w);
	enum inro_err e = load();
	TSS2_RC rc;

	if (e)
		return e;
	rc = initialize_quietly(w->tcti, &t->context);
	if (rc != TSS2_RC_SUCCESS)
		return err_set(INRO_E_IO,
			       "%s: tpm2-abrmd does not answer (0x%x): is its service running, and "
			       "the user in group tss?",
			       w->tcti, rc);
	w->fd = descriptor_of(t->context);
	return INRO_OK;
}

static void close_context(struct wired *w)
{
	w->fd = -1;
	if (tabrmd_of(w)->context)
		finalize(&tabrmd_of(w)->context);
	tabrmd_of(w)->context = NULL;
}

static enum inro_err lost(const struct wired *w, TSS2_RC rc)
{
	return err_set(INRO_E_IO, "%s: the connection to tpm2-abrmd is lost (0x%x)", w->tcti, rc);
}

static enum inro_err send_command(struct wired *w, struct bytes command)
{
	TSS2_RC rc = Tss2_Tcti_Transmit(tabrmd_of(w)->context, command.n, command.p);

	return rc == TSS2_RC_SUCCESS ? INRO_OK : lost(w, rc);
}

static enum inro_err receive(struct wired *w, struct buf *ret)
{
	size_t n = LINK_BYTES;
	uint8_t *room = buf_extend(ret, n);
	TSS2_RC rc;

	if (!room)
		return buf_err(ret);
	rc = Tss2_Tcti_Receive(tabrmd_of(w)->context, &n, room, w->patience_ms);
	buf_truncate(ret, rc == TSS2_RC_SUCCESS && n <= LINK_BYTES ? n : 0);
	if (rc == TSS2_TCTI_RC_TRY_AGAIN)
		return INRO_E_BUSY;
	return rc == TSS2_RC_SUCCESS ? INRO_OK : lost(w, rc);
}

static const struct plug plug = {
	.size = sizeof(struct tabrmd),
	.can_hang_up = true,
	.parse = parse,
	.open = open_context,
	.close = close_context, /* never in a child: it would speak on the parent's connection */
	.send = send_command,
	.receive = receive,
};

static enum inro_err make(struct bytes rest, const char *home, struct link **ret)
{
	return wired_make(&link_tabrmd, &plug, rest, home, ret);
}

const struct link_kind link_tabrmd = {
	.scheme = "tabrmd",
	.make = make,
	WIRED_MANAGED,
};
