/*
 * home - the folder of tokens, $INRO_HOME/tokens: which slots there are, without opening any.
 *
 * 1. A token's file is NNNNNN.token; the number is its slot id, for ever.
 * 2. A file of that name is a whole token: it is made elsewhere, all of it in that one file and
 *    fsynced, then linked to its name, which only one of several makers gets.
 * 3. Makers and removers hold `.lock`: what is half made when nobody holds it was left behind.
 * 4. NNNNNN.token-life-N is beside a token that was initialised anew N times: so that it is seen
 *    without opening it.
 * 5. A slot id is never used again: `last` remembers the highest one of a token that was removed.
 */
#ifndef INRO_PKCS11_TOKEN_HOME_H
#define INRO_PKCS11_TOKEN_HOME_H

#include "pkcs11/token/store.h"

/* Behind a token's file name: the lock of those who try a PIN (tries.h). */
#define HOME_TRIES "-tries"

struct home_slots {
	CK_SLOT_ID *ids; /* of the tokens there are, ascending */
	size_t n;
	CK_SLOT_ID empty; /* the slot of the next token */
	struct home_life {
		CK_SLOT_ID slot;
		unsigned life;
	} * lives; /* of those that were initialised anew, ascending */
	size_t n_lives;
};

void home_slots_clear(struct home_slots *s);
MUST_CHECK enum inro_err home_slots_copy(const struct home_slots *s, struct home_slots *ret);
/* Puts the tokens' numbers in order. */
void home_slots_sort(struct home_slots *s);
/* How often the i-th token was initialised anew. */
unsigned home_life(const struct home_slots *s, size_t i);
/* Lets everybody see that it was, once more. */
void home_note_life(const char *home, CK_SLOT_ID slot, unsigned life);
/* errno of a failed try to open one of the folder's files, or itself. */
enum inro_err home_err(int err, const char *path);
/* A folder that is not there has no tokens. */
MUST_CHECK enum inro_err home_list(const char *home, struct home_slots *ret);
/* Whether a slot id could ever be one of ours. */
bool home_slot_ok(CK_SLOT_ID slot);
bool home_has(const char *home, CK_SLOT_ID slot);
/* Caller frees. */
MUST_CHECK enum inro_err home_path(const char *home, CK_SLOT_ID slot, char **ret);

/* What puts a complete store into the file `path`, which is not there yet. */
typedef enum inro_err home_fill(const char *path, const void *arg);

/* Makes a token.  In the slot *slot when that is not 0: INRO_E_EXISTS when another program was
 * faster; else in the next free one, given back in *slot.  Where only the folder could not be synced the
 * token is there all the same, in *slot: others may be using it. */
MUST_CHECK enum inro_err home_make(const char *home, home_fill *fill, const void *arg,
				   CK_SLOT_ID *slot);
/* Takes a token's file out of the folder.  Whoever has it open keeps it until he closes it; what
 * SQLite has put beside it goes with home_sweep(). */
MUST_CHECK enum inro_err home_remove(const char *home, CK_SLOT_ID slot);
/* Removes the copies that upgrades have kept of a token whose content is no more. */
void home_forget_old(const char *home, CK_SLOT_ID slot);
/* Removes what makers and removers that were killed have left behind; home_make() does it too. */
void home_sweep(const char *home);

#endif
