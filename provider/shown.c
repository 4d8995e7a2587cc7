/* shown - see shown.h. */
#include "provider/shown.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "provider/asker.h"
#include "provider/key.h"

_Static_assert(SHOWN_KINDS == KEY_TYPE_x448 + 1, "the kinds of libcrypto 3.0 come first");

/* Debian 12 came with the first; from 3.1 on nothing is known to be gained. */
#define OLDEST 0x30000090UL
#define NEWER  0x30100000UL

/* libcrypto's own word in our section. */
#define ACTIVATE "activate"

/* The kinds of which a thread has read references more than once, and the process it did so in: a
 * worker that is forked from it reads none. */
static _Thread_local struct {
	unsigned kinds;
	pid_t pid;
} reader;

/* The one that a thread is shown, and what it is called then besides; NULL, "": none. */
static _Thread_local struct {
	const struct key_type *type;
	char name[SHOWN_NAME];
} window;

static bool is_libcrypto_30(void)
{
	unsigned long version = OpenSSL_version_num();

	return version >= OLDEST && version < NEWER;
}

static bool is_wanted(const struct prov *p)
{
	const char *kinds = core_setting(&p->core, SETTING_KEY_KINDS);

	return kinds && strcmp(kinds, "in-use") == 0 && core_setting(&p->core, ACTIVATE);
}

/* openssl(1) makes keys in a token and lists what there is. */
static bool asks_by_name(const struct prov *p)
{
	return core_setting(&p->core, SETTING_KEYGEN) || asker_is_openssl();
}

void shown_init(struct prov *p)
{
	p->shown.hides = is_wanted(p) && is_libcrypto_30() && !asks_by_name(p);
}

static bool is_kind(const struct key_type *type, unsigned kind)
{
	return type == &key_types[kind];
}

static bool is_read_here(const struct prov *p, unsigned kind)
{
	if (atomic_load(&p->shown.names[kind]) >= SHOWN_NAMES)
		return true;
	return (reader.kinds & 1U << kind) && reader.pid == getpid();
}

static bool is_shown(const struct prov *p, unsigned kind)
{
	if (is_kind(window.type, kind) || is_read_here(p, kind))
		return true;
	return atomic_load(&p->shown.agreements) > 0 && key_types[kind].exchange;
}

/* The kind's own row, with the other name in it. */
static OSSL_ALGORITHM row(unsigned kind)
{
	static _Thread_local char names[128];
	OSSL_ALGORITHM r = keymgmt_algorithms[kind];

	if (!is_kind(window.type, kind) || !*window.name)
		return r;
	snprintf(names, sizeof names, "%s:%s", r.algorithm_names, window.name);
	r.algorithm_names = names;
	return r;
}

const OSSL_ALGORITHM *shown_kinds(const struct prov *p, int *ret_no_cache)
{
	static _Thread_local OSSL_ALGORITHM rows[SHOWN_KINDS + 1];
	size_t n = 0;

	for (unsigned kind = 0; kind < SHOWN_KINDS; kind++)
		if (is_shown(p, kind))
			rows[n++] = row(kind);
	rows[n] = (OSSL_ALGORITHM) { 0 };
	*ret_no_cache = n > 0;
	return rows;
}

void shown_begin(const struct key_type *type)
{
	window.type = type;
	window.name[0] = '\0';
}

void shown_end(void)
{
	shown_begin(NULL);
}

/* A name that this process has not used, with any libcrypto context. */
static void new_name(struct shown *s, const struct key_type *type, char name[SHOWN_NAME])
{
	static _Atomic unsigned serial;
	unsigned kind = (unsigned)(type - key_types);

	snprintf(name, SHOWN_NAME, "INRO-%s-%u", type->name, atomic_fetch_add(&serial, 1) + 1);
	if (atomic_fetch_add(&s->names[kind], 1) == 0)
		return;
	reader.kinds = (reader.pid == getpid() ? reader.kinds : 0) | 1U << kind;
	reader.pid = getpid();
}

bool shown_try(struct prov *p, const struct key_type *type, unsigned n, char name[SHOWN_NAME])
{
	if (n >= (p->shown.hides ? SHOWN_TRIES : 1))
		return false;
	shown_begin(n > 0 ? type : NULL);
	snprintf(name, SHOWN_NAME, "%s", type->name);
	if (n == 2) {
		new_name(&p->shown, type, name);
		memcpy(window.name, name, sizeof window.name);
	}
	return true;
}

void shown_agreement(struct prov *p, int change)
{
	atomic_fetch_add(&p->shown.agreements, (unsigned)change);
}
