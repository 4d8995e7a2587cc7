/*
 * tpmtoken - tokens in a TPM, through the module as programs meet it (module.h).
 *
 * `tcti`: "libtpms:", swtpm_tcti(), tpmproxy_tcti().
 */
#ifndef INRO_TESTS_LIB_TPMTOKEN_H
#define INRO_TESTS_LIB_TPMTOKEN_H

#include "tests/lib/module.h"
#include "tests/lib/swtpm.h"

/* The setup and teardown of a test that is run on a swtpm of its own and on the embedded TPM alike;
 * afterwards a swtpm holds nothing of ours. */
extern struct swtpm *tpmcase; /* NULL: embedded */
int tpmcase_on_swtpm(void **state);
int tpmcase_embedded(void **state);
int tpmcase_end(void **state);
const char *tpmcase_tcti(void);

/* Makes one with both PINs; what the module says to that. */
CK_RV tpmtoken_try(const char *tcti, CK_SLOT_ID *ret_slot);
CK_SLOT_ID tpmtoken_new(const char *tcti);
/* A read-write session with the user logged in. */
CK_SESSION_HANDLE tpmtoken_user(CK_SLOT_ID slot);
/* The first of both, of a new token. */
CK_SESSION_HANDLE tpmtoken_start(const char *tcti, CK_SLOT_ID *ret_slot);

/* A P-256 pair in the token, and in the TPM. */
struct module_pair tpmtoken_pair(CK_SESSION_HANDLE s);
/* One signature by it, which must be good. */
void tpmtoken_use(CK_SESSION_HANDLE s, struct module_pair p);
/* All that the token's file says, as text; its length. */
size_t tpmtoken_content(CK_SLOT_ID slot, char *room, size_t cap);
/* How many files of tokens there are in the home. */
unsigned tpmtoken_files(void);

/* C_Finalize, then C_Initialize: as a new process. */
void tpmtoken_again(void);
/* What a TPM has counted as failed authorisations (TPM2_PT_LOCKOUT_COUNTER). */
uint32_t tpmtoken_lockout(const struct swtpm *s);

#endif
