/*
 * recall - libcrypto 3.0 remembers our kinds of keys for programs that fetch them by name.
 *
 * A provider that hides its kinds (shown.h) is asked about them alike when libcrypto lists all
 * kinds and when a program fetches one of ours, and is not told which.  What a program has fetched
 * before is different: libcrypto finds that without asking us, and it is in no list.
 *
 * 1. So each kind is fetched here in advance with the two properties by which programs want ours,
 *    provider=inro and ?provider=inro.  Who asks for one then gets it, and we are not asked.
 * 2. libcrypto forgets all that was fetched when a provider comes or goes and when its default
 *    properties are set, and half of it, at random, when it has 500 fetches.  recall_kinds() finds
 *    the first at once by a look at one kind, and the other by a look at all: each second, and each
 *    16th time.  Then it fetches again.
 * 3. A program whose default properties prefer us, or in which nobody else has such kinds, can't
 *    be served so.
 */
#ifndef INRO_PROVIDER_RECALL_H
#define INRO_PROVIDER_RECALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <openssl/core.h>
#include <openssl/types.h>

struct core;

struct recall {
	OSSL_LIB_CTX *libctx; /* the program's */
	_Atomic uintptr_t by; /* the thread that fetched last, and when: CLOCK_MONOTONIC, in ms */
	_Atomic int64_t at;
	_Atomic int64_t seen; /* when it looked at all, and how often it has looked */
	_Atomic unsigned looks;
};

/* False where the libcrypto that has loaded us is not the one we use. */
bool recall_init(struct recall *r, const struct core *c);

/* This thread's question for kinds is of recall_kinds(); the answer, for that fetch alone. */
bool recall_is_asking(void);
const OSSL_ALGORITHM *recall_rows(void);

enum recalled {
	RECALL_KEPT, /* all were remembered, and for longer than another thread takes to ask */
	RECALL_MADE, /* now they are: a program that is just asking for one has to be given it */
	RECALL_NONE, /* they can't be */
};

/* Makes sure that all kinds are remembered. */
enum recalled recall_kinds(struct recall *r);

#endif
