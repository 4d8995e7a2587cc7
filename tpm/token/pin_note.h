/*
 * pin_note - on file, before it is in the TPM: the index of a PIN whose record is nowhere yet.
 *
 * 1. A note is a file in INRO_HOME/tpm with the words of the TPM, the policy that the index will
 *    have, which names a guard of this making alone, and the file's own inode and folder: a copy
 *    is no note.
 *    It goes when the record is in its token's store, or the index is gone.
 * 2. Its maker keeps it locked.  What nobody has locked is of one who was killed, or who could not
 *    remove what he had made.
 * 3. A stray is such a note, locked by who looks at it: until he lets it go nobody else does, and
 *    no record of it comes to be.
 */
#ifndef INRO_TPM_TOKEN_PIN_NOTE_H
#define INRO_TPM_TOKEN_PIN_NOTE_H

#include "base/bytes.h"
#include "tpm/wire/wire.h"

/* For as long as the process lives, or until pin_note_end(). */
MUST_CHECK enum inro_err pin_note_begin(struct bytes tcti, const TPM2B_DIGEST *policy);
/* Settled: the file goes too.  Nothing happens when there is no note of that policy. */
void pin_note_end(const TPM2B_DIGEST *policy, bool settled);

struct stray {
	struct stray *next;
	TPM2B_DIGEST policy;
	char *path;
	int fd;
};
/* Those of this TPM, the newest first; NULL: none, or none that can be had. */
struct stray *pin_note_strays(struct bytes tcti);
/* All of a list; `next` and all behind it too.  The files stay but for those that were settled. */
void stray_free(struct stray *s);
void stray_settle(struct stray *s);

#endif
