/*
 * tpmsays - a link that plays the TPM: it says what a test has put down for it, in order, and keeps
 * what was sent.
 *
 * `link_extra = &tpmsays_kind` and the words "fake:".
 */
#ifndef INRO_TESTS_LIB_TPMSAYS_H
#define INRO_TESTS_LIB_TPMSAYS_H

#include "tpm/link/kinds.h"
#include "tpm/talk/tpm.h"

#define TPMSAYS_STEPS 16

/* All zero at the beginning of a test. */
extern struct tpmsays {
	struct {
		enum inro_err e;
		uint8_t p[256];
		size_t n;
	} says[TPMSAYS_STEPS];
	size_t says_n, at; /* what is said next */
	uint8_t sent[TPMSAYS_STEPS][256];
	size_t sent_n[TPMSAYS_STEPS], sent_all;
	bool durable[TPMSAYS_STEPS];
	bool down; /* the next turn connects anew */
	bool taken; /* another process has it for long: only who is in haste may ask for a turn */
	unsigned begun;
	char ledger[256]; /* what was told to it */
} tpmsays_link;

extern const struct link_kind tpmsays_kind; /* an embedded one */

/* What it says next but for what it was told before: bytes, hex, an answer that is only a code, no
 * answer. */
void tpmsays(const void *p, size_t n);
void tpmsays_hex(const char *hex);
void tpmsays_rc(uint32_t rc);
void tpmsays_nothing(void);

/* Of the i-th command that was sent. */
uint32_t tpmsays_cc(size_t i);
void tpmsays_assert_sent(size_t i, const char *hex);
/* Everything was said. */
void tpmsays_assert_all(void);

/* One TPM, in a turn, that is spoken to by passwords; nothing was said yet. */
struct tpm *tpmsays_begin(void);
/* Its turn ends, as all others have. */
void tpmsays_end(struct tpm *tpm);
struct tpm_words tpmsays_words(void);

#endif
