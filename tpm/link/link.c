/* link - finds the kind by its scheme, and watches over what all kinds promise. */
#include "tpm/link/link.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "tpm/link/kinds.h"

#define MANAGED "/dev/tpmrm0"
#define OTHERS	"swtpm:path=SOCKET, swtpm:host=H,port=P, tabrmd: or libtpms:"
#define CHOICES "device:" MANAGED ", " OTHERS

const struct link_kind *link_extra;
atomic_uint link_idle_ms = 200;
atomic_bool link_no_threads;

static const struct link_kind *const kinds[] = { &link_device, &link_swtpm, &link_tabrmd,
						 &link_embedded };

void link_init(struct link *l, const struct link_kind *kind)
{
	l->kind = kind;
	l->pid = process_id();
	atomic_init(&l->epoch, 1);
}

bool link_is_ours(const struct link *l)
{
	return l->pid == process_id();
}

static const struct link_kind *kind_of(struct bytes scheme)
{
	if (link_extra && bytes_is(scheme, link_extra->scheme))
		return link_extra;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (bytes_is(scheme, kinds[i]->scheme))
			return kinds[i];
	return NULL;
}

enum inro_err link_make(struct bytes tcti, const char *home, struct link **ret)
{
	const uint8_t *colon = tcti.n ? memchr(tcti.p, ':', tcti.n) : NULL;
	struct bytes scheme = BYTES(tcti.p, colon ? (size_t)(colon - tcti.p) : tcti.n);
	const struct link_kind *kind = kind_of(scheme);
	struct bytes rest = BYTES_NONE;

	if (!kind)
		return err_set(INRO_E_CONFIG, "'%.*s' names no TPM: choose one of " CHOICES,
			       (int)(tcti.n < 200 ? tcti.n : 200), (const char *)tcti.p);
	if (colon)
		rest = BYTES(colon + 1, tcti.n - scheme.n - 1);
	return kind->make(rest, home, ret);
}

void link_free(struct link *l)
{
	if (l)
		l->kind->free(l);
}

enum inro_err link_begin(struct link *l, uint64_t *ret_epoch)
{
	enum inro_err e;

	if (!link_is_ours(l))
		return err_set(INRO_E_STATE, "a way to a TPM belongs to the process that made it");
	e = l->kind->begin(l);
	if (!e)
		*ret_epoch = atomic_load(&l->epoch);
	return e;
}

void link_end(struct link *l)
{
	l->kind->end(l);
}

enum inro_err link_check_response(struct bytes response)
{
	struct bytes tag, r = response;
	uint32_t size;

	if (read_bytes(&r, 2, &tag) || read_u32(&r, &size) || r.n < 4 || size != response.n)
		return err_set(INRO_E_IO, "what answers is not a TPM, or only part of its answer "
					  "came");
	return INRO_OK;
}

enum inro_err link_talk(struct link *l, struct bytes command, bool durable,
			struct buf *ret_response)
{
	enum inro_err e;

	if (command.n > LINK_BYTES)
		return err_set(INRO_E_TOO_BIG, "a command of %zu bytes is too long for a TPM",
			       command.n);
	e = l->kind->talk(l, command, durable, ret_response);
	if (!e)
		e = link_check_response(buf_bytes(ret_response));
	return e;
}

void link_lost(struct link *l)
{
	if (l->kind->lost)
		l->kind->lost(l);
	atomic_fetch_add(&l->epoch, 1);
}

enum inro_err link_will_hold(struct link *l)
{
	return l->kind->will_hold ? l->kind->will_hold(l) : INRO_OK;
}

void link_hold(struct link *l, uint32_t handle)
{
	if (l->kind->hold)
		l->kind->hold(l, handle);
}

void link_drop(struct link *l, uint32_t handle)
{
	if (l->kind->drop)
		l->kind->drop(l, handle);
}

enum inro_err link_choose(struct buf *ret_tcti)
{
	if (access(MANAGED, R_OK | W_OK) == 0) {
		buf_add_str(ret_tcti, "device:" MANAGED);
		return buf_err(ret_tcti);
	}
	if (errno == EACCES)
		return err_set(INRO_E_CONFIG,
			       MANAGED " may not be used: add the user to group tss, or "
				       "choose another TPM (tcti): " OTHERS);
	return err_set(INRO_E_CONFIG,
		       "this machine has no " MANAGED ": choose another TPM (tcti): " OTHERS);
}

enum inro_err link_take_word(struct bytes *words, struct bytes *ret_name, struct bytes *ret_value)
{
	const uint8_t *comma = memchr(words->p, ',', words->n);
	size_t n = comma ? (size_t)(comma - words->p) : words->n;
	const uint8_t *eq = memchr(words->p, '=', n);

	if (!eq)
		return err_set(INRO_E_CONFIG, "'%.*s' is not of the form name=value",
			       (int)(n < 200 ? n : 200), (const char *)words->p);
	*ret_name = BYTES(words->p, (size_t)(eq - words->p));
	*ret_value = BYTES(eq + 1, n - ret_name->n - 1);
	n += comma != NULL;
	*words = BYTES(words->p + n, words->n - n);
	return INRO_OK;
}

/* The folder `home`/tpm, made when it is missing, with mode 0700. */
static enum inro_err folder(const char *home, char **ret)
{
	AUTO(free_chars) char *dir = file_join(home, "tpm");
	enum inro_err e = dir ? file_make_dir(dir) : INRO_E_NO_MEMORY;

	if (!e && access(dir, R_OK | W_OK | X_OK) != 0)
		e = file_err(errno, dir);
	if (e)
		return err_context(e, "the TPM's folder in INRO_HOME must be writable");
	*ret = dir;
	dir = NULL;
	return INRO_OK;
}

/* FNV-1a: names only, nothing hostile depends on it. */
static uint64_t name_of(struct bytes tcti)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < tcti.n; i++)
		h = (h ^ tcti.p[i]) * 0x100000001b3;
	return h;
}

enum inro_err link_file(const char *home, struct bytes tcti, const char *ending, char **ret)
{
	AUTO(free_chars) char *dir = NULL;
	SCOPED(buf) path = { 0 };
	enum inro_err e = folder(home, &dir);

	if (e)
		return e;
	buf_addf(&path, "%s/%016" PRIx64 "%s", dir, name_of(tcti), ending);
	*ret = buf_take_str(&path);
	return *ret ? INRO_OK : buf_err(&path);
}
