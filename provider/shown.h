/*
 * shown - which of our kinds of keys libcrypto 3.0 sees, and when.
 *
 * libcrypto 3.0 reads the key of each certificate and each key file by comparing every decoder with
 * the names of every kind of key that any provider has: kinds of ours make that slower for all keys
 * there are.  With the setting key-kinds = in-use a provider that openssl.cnf activates therefore
 * hides them and shows them where they are needed:
 *
 * 1. A kind is shown to a thread while a key of it is handed on, and from the question which
 *    operation such a key has until the operation is set up: between the two libcrypto fetches the
 *    kind.  It is not kept in libcrypto's tables, so that nobody else meets it there.  A program
 *    that asks whether a key can sign and sets up nothing leaves it shown to its thread until the
 *    next operation by a key of ours: to us that question looks like the others.
 * 2. Kinds that agree on secrets are shown to all while such an agreement is open, for libcrypto
 *    fetches the kind once more for the other side's key.
 * 3. Whoever was there before us stays the first of the name: a key is offered without showing its
 *    kind first, which makes libcrypto remember the other provider's.
 * 4. A decoder's key is fetched by its kind's name alone.  Where that means another provider's, the
 *    kind gets one more name, which nobody has asked for yet.  Names stay for ever and cost
 *    something each: a thread that has to give a second one is shown the kind from then on, as long
 *    as it is not forked, and after SHOWN_NAMES of them all are.
 *
 * Programs that fetch a kind from us by name don't find it then, so it is not the default:
 * inro-provider(7).
 */
#ifndef INRO_PROVIDER_SHOWN_H
#define INRO_PROVIDER_SHOWN_H

#include <stdatomic.h>
#include <stdbool.h>

#include <openssl/core.h>

struct key_type;
struct prov;

#define SHOWN_KINDS 7 /* those of libcrypto 3.0 */
#define SHOWN_NAMES 4
#define SHOWN_NAME  32
#define SHOWN_TRIES 3

struct shown {
	bool hides;
	_Atomic unsigned names[SHOWN_KINDS];
	_Atomic unsigned agreements;
};

/* By the settings, the program and libcrypto's version. */
void shown_init(struct prov *p);

/* The answer to OSSL_OP_KEYMGMT of a provider that hides; good until the thread asks again. */
const OSSL_ALGORITHM *shown_kinds(const struct prov *p, int *ret_no_cache);

/* To this thread, from now on until shown_end(). */
void shown_begin(const struct key_type *type);
void shown_end(void);

/* What to show, and by which name, when a key is offered for the n-th time, from 0; false: there is
 * nothing more to try.  To be followed by shown_end(). */
bool shown_try(struct prov *p, const struct key_type *type, unsigned n, char name[SHOWN_NAME]);

/* An agreement begins or ends. */
void shown_agreement(struct prov *p, int change);

#endif
