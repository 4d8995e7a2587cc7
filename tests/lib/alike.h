/*
 * alike - one private key twice, in a token behind our provider and in libcrypto's own: random
 * sequences of calls are made with both, and what a program would see of them is compared.
 *
 * 1. What a side answers is written as text: calls with their arguments, results, outputs, whether
 *    there is an error in the queue.  Two sides are alike when their texts are.
 * 2. An output that is another each time (ECDSA, PSS, OAEP) is verified, or decrypted, with the
 *    public half, or the key, of the file, by the settings that the side's own context tells.
 * 3. A step draws what it does from a generator that both sides have at the same state.
 * 4. Both sides live in the default library context, as in a program with an openssl.cnf.
 */
#ifndef INRO_TESTS_LIB_ALIKE_H
#define INRO_TESTS_LIB_ALIKE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <openssl/evp.h>

#include "base/own.h"

#define ALIKE_KEYS 14
#define ALIKE_CTXS 3
#define ALIKE_ROOM 8192

struct alike_rng {
	uint64_t state;
};

struct alike_bytes {
	uint8_t p[ALIKE_ROOM];
	size_t n;
};

/* A digest's context and what was fed to it.  Of one that was copied libcrypto 3.0 does not know the algorithm's
 * identifier: it lies where it was copied from. */
struct alike_md {
	EVP_MD_CTX *ctx;
	bool copied;
	int operation; /* EVP_PKEY_OP_..., what it was set up for */
	size_t key;
	struct alike_bytes fed;
};

struct alike_ctx {
	EVP_PKEY_CTX *ctx;
	bool copied;
	size_t key;
};

struct alike;

struct alike_side {
	const struct alike *all;
	bool token;
	EVP_PKEY *keys[ALIKE_KEYS];
	struct alike_ctx ctxs[ALIKE_CTXS];
	struct alike_md mds[ALIKE_CTXS];
	struct alike_bytes sig, cipher; /* the last that was made; of the file's side it is used */
	FILE *out;
};

struct alike {
	struct alike_side file, token;
	EVP_PKEY *publics[ALIKE_KEYS]; /* of the file's keys, in libcrypto's provider */
	EVP_PKEY *peers[ALIKE_KEYS];   /* others of the same kinds, whole */
	struct alike_bytes sig, cipher;
	size_t key; /* what the sequence is about, mostly */
};

/* One call or a few; its name is what a difference is known by. */
struct alike_step {
	const char *name;
	unsigned weight;
	void (*run)(struct alike_side *s, struct alike_rng *r);
};
/* Ended by a row without a name. */
extern const struct alike_step alike_ctx_steps[], alike_md_steps[], alike_key_steps[],
	alike_doc_steps[];

/* A difference that is meant. */
struct alike_meant {
	const char *call;	  /* fnmatch() of the whole text that the file's side wrote */
	const char *token;	  /* and of the token's */
	bool goes_on;		  /* the sides are in the same state afterwards */
	int of;			  /* 30: with libcrypto 3.0; 31: with later ones; 0: any */
	const char *why;
};

struct alike_key {
	const char *name, *type, *group;
	unsigned bits;
	const char *pss_digest; /* RSA-PSS is bound to it */
};
extern const struct alike_key alike_keys[ALIKE_KEYS];

/* The keys, in files and in the token `line1` (token_keys.h).  Ends the program when it can't. */
void alike_make(struct alike *a);
void alike_free(struct alike *a);

/* `steps` steps by this seed; false: the two sides differ, which is printed with the sequence.  The table of what is
 * meant ends with a row without a call. */
bool alike_run(struct alike *a, uint64_t seed, unsigned steps, const struct alike_meant *meant);

/* ---- for the steps ---- */

uint32_t alike_below(struct alike_rng *r, uint32_t n);
bool alike_chance(struct alike_rng *r, unsigned percent);
void alike_fill(struct alike_rng *r, uint8_t *p, size_t n);
#define ALIKE_PICK(r, list) ((list)[alike_below((r), ARRAY_LEN(list))])

__attribute__((format(printf, 2, 3))) void alike_say(struct alike_side *s, const char *format, ...);
/* The call's result and whether it left an error; the queue is emptied. */
void alike_gives(struct alike_side *s, long result);
void alike_bytes(struct alike_side *s, const char *what, const void *p, size_t n);

/* Which key: mostly that of the sequence. */
size_t alike_pick_key(const struct alike_side *s, struct alike_rng *r);
bool alike_is(size_t key, const char *type);

/* Room, one at a time; what was written beyond its first n bytes is said by alike_room_end(). */
uint8_t *alike_room(void);
void alike_room_end(struct alike_side *s, size_t n);

/* A digest by name, often a good one; NULL: none. */
const char *alike_digest(struct alike_rng *r);

/* Uses what ctx is set up for, or something else now and then. */
void alike_operate(struct alike_side *s, struct alike_rng *r, struct alike_ctx *c);

/* What was signed by ctx (or its digest's context), verified by the file's public half and the settings that ctx
 * tells; the bytes themselves where they are always the same. */
void alike_signature(struct alike_side *s, EVP_PKEY_CTX *ctx, size_t key, const struct alike_bytes *sig,
		     const uint8_t *input, size_t n, bool digest_it);

#endif
