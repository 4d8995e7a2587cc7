/*
 * tpmproxy - somebody between a program and its swtpm: counts what goes by, and alters it.
 *
 * A thread of the test program that listens on a unix socket and serves one client at a time, as
 * swtpm does.  What can't be done ends the test program.
 */
#ifndef INRO_TESTS_LIB_TPMPROXY_H
#define INRO_TESTS_LIB_TPMPROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lib/swtpm.h"

#define TPMPROXY_ROOM 8192

struct tpmproxy;

/* Of one command: hooks get it in the proxy's thread.  False cuts the connection to the client,
 * after what is left in n bytes of `response` was sent. */
struct tpmproxy_talk {
	struct swtpm *tpm;
	uint32_t cc;
	unsigned number; /* since tpmproxy_reset(), from 0 */
	uint8_t response[TPMPROXY_ROOM];
	size_t n;
	void *arg;
};
typedef bool (*tpmproxy_hook)(struct tpmproxy_talk *t);

struct tpmproxy *tpmproxy_start(struct swtpm *behind);
void tpmproxy_free(struct tpmproxy *p); /* NULL is fine */
/* Words for a token. */
const char *tpmproxy_tcti(const struct tpmproxy *p);

/* Before a command goes to the TPM (nothing of the response is there), and after its response came;
 * either may be NULL.  The count begins anew. */
void tpmproxy_hooks(struct tpmproxy *p, tpmproxy_hook before, tpmproxy_hook after, void *arg);
/* Counts from 0, and passes everything as it is. */
void tpmproxy_reset(struct tpmproxy *p);
/* Commands since then. */
unsigned tpmproxy_count(struct tpmproxy *p);
/* Their names' codes, one after the other, for what a failed test tells. */
const char *tpmproxy_list(struct tpmproxy *p);

#endif
