/*
 * words - what a TPM token keeps about its TPM in its record: text, one "name=value" a line.
 *
 * Given when the token is made (`inro token create --backend tpm`): tcti, pcr, root, owner-auth,
 * root-auth, endorsement-auth, session (hmac, password), sealed (yes, no).  Found then and kept:
 * root-name, root-public, caps, slots, max-nv, maker, model, firmware.  An auth itself is kept in no
 * record: it is given as file:/PATH, which is read at each use.
 */
#ifndef INRO_TPM_TOKEN_WORDS_H
#define INRO_TPM_TOKEN_WORDS_H

#include "tpm/talk/root.h"

struct words {
	char tcti[256];
	char pcr[128];
	char owner_auth[256], root_auth[256], endorsement_auth[256]; /* file:/PATH or "" */
	uint32_t root;
	TPM2B_NAME root_name;  /* size 0: not settled yet */
	TPM2B_PUBLIC root_pub; /* of a persistent one, else size 0; root_name is its Name */
	struct caps caps;      /* can, transient_slots */
	enum tpm_how how;
	bool no_sealed; /* nothing but what the TPM itself does */
};

/* INRO_E_CONFIG with the word that is wrong; an empty text is all defaults, the TPM chosen by
 * link_choose(). */
MUST_CHECK enum inro_err words_read(struct bytes text, struct words *ret);
MUST_CHECK enum inro_err words_write(const struct words *w, struct buf *ret);
/* The TPM they name. The files of owner-auth and endorsement-auth, which are needed rarely, need
 * not be readable: what wants them later fails then. */
MUST_CHECK enum inro_err words_tpm(const struct words *w, struct tpm **ret);
/* Whether the files of all auths can be read; INRO_E_CONFIG when one is not there. */
MUST_CHECK enum inro_err words_check_auths(const struct words *w);
/* The owner's auth, from its file. */
MUST_CHECK enum inro_err words_owner(const struct words *w, struct secret *ret);
/* Within a turn: whether the storage root, to which every session of this epoch is salted, is the
 * one that they name, and that was looked at or proved.  `words`: const struct words. */
MUST_CHECK enum inro_err words_root_step(struct tpm *t, void *words);
/* A turn that asks whether sessions are salted to the storage root that they name: INRO_E_TOKEN
 * when not.  The TPM need not be asked for that; whether it has that key, their first use shows. */
MUST_CHECK enum inro_err words_expect_step(struct tpm *t, void *words);
MUST_CHECK enum inro_err words_expect_root(const struct words *w, struct tpm *t);
/* A turn that looks whether the storage root is the one that they name: INRO_E_TOKEN when not. */
MUST_CHECK enum inro_err words_check_root(const struct words *w, struct tpm *t);

#endif
