/*
 * resident - objects that are in the TPM while they are used and outside of it otherwise.
 *
 * 1. A TPM has room for few transient objects (three in libtpms).  Those used last stay; one that
 *    must make room is flushed, and its saved context is loaded again when it is used next: one
 *    ContextLoad instead of a Load.  A context is saved once, when the object makes room first.
 * 2. resident_do() takes the turn itself.  The turn's memory may have been lost (tpm_epoch()); the
 *    object is then brought in anew and the step repeated, once.
 * 3. When a saved context does not load any more, the blob does.
 */
#ifndef INRO_TPM_TALK_RESIDENT_H
#define INRO_TPM_TALK_RESIDENT_H

#include "tpm/talk/cmd.h"

struct resident;

/* A child of the storage root; takes the blob over (also when it fails).  Nothing is sent. */
MUST_CHECK enum inro_err resident_new(struct tpm *t, struct blob *b, struct resident **ret);
/* At any time, without the turn: it is flushed when somebody has the turn next. */
void resident_free(struct resident *r);

/* The object's two halves, and its Name; borrowed, as long as the resident. */
const struct blob *resident_blob(const struct resident *r);
struct bytes resident_name(const struct resident *r);

typedef enum inro_err (*resident_step)(struct tpm *t, const struct tpm_ref *object, void *arg);

/* A turn with the object in the TPM; `object` is good until the step returns.  A step that has further
 * transient objects in the TPM says how many: room is made for them, and for the storage root, which
 * takes a place while a command names it.  TPM2_Create counts as one.  A step that said too little
 * and finds the TPM full is repeated with everything else out of the way. */
MUST_CHECK enum inro_err resident_do(struct resident *r, unsigned more, resident_step step,
				     void *arg);
/* A turn without an object, with room for `more`; repeated once as above. */
MUST_CHECK enum inro_err resident_turn(struct tpm *t, unsigned more,
				       enum inro_err (*step)(struct tpm *t, void *arg), void *arg);

/* Everything of this TPM that is held goes, for tpm_unref(): within a turn. */
void resident_flush_all(struct tpm *t);

#endif
