/*
 * swtpm - a real swtpm of a test's own: its state and sockets are in scratch_dir().
 *
 * 1. All of it ends with the program that started it, however that ends.
 * 2. What can't be done ends the test program with a line that says why.
 * 3. The words of swtpm_tcti() are good for us and for tpm2-tools (TPM2TOOLS_TCTI).
 */
#ifndef INRO_TESTS_LIB_SWTPM_H
#define INRO_TESTS_LIB_SWTPM_H

#include <stdint.h>
#include <sys/types.h>

enum swtpm_way { SWTPM_UNIX, SWTPM_TCP };

struct swtpm;

/* A new TPM, started up.  Several may be alive. */
struct swtpm *swtpm_start(enum swtpm_way way);
/* The same with endorsement keys (RSA-2048, P-384) and their certificates by the CA in the folder
 * `ca`, which is made when it is not there: issuercert.pem and swtpm-localca-rootca-cert.pem.  The
 * TPM's own keys take a second to make. */
struct swtpm *swtpm_start_certified(enum swtpm_way way, const char *ca);
void swtpm_free(struct swtpm *s); /* ends it when it runs; NULL is fine */
const char *swtpm_tcti(const struct swtpm *s);
pid_t swtpm_pid(const struct swtpm *s);
const char *swtpm_dir(const struct swtpm *s); /* where its state is */

void swtpm_stop(struct swtpm *s);    /* SIGTERM, and waits for its end; no TPM2_Shutdown */
void swtpm_kill(struct swtpm *s);    /* SIGKILL: a power cut */
void swtpm_restart(struct swtpm *s); /* after one of these: the same state, the same address */
void swtpm_reset(struct swtpm *s);   /* a power cut and a restart */

/* One command on a connection of its own, so nobody else may be connected for long: the size of the
 * response. */
size_t swtpm_command(const struct swtpm *s, const void *command, size_t n, uint8_t response[4096]);

/* How many handles of this kind are in the TPM: SWTPM_TRANSIENT, ...  Waits for whoever is
 * connected. */
#define SWTPM_TRANSIENT	     0x80000000u
#define SWTPM_LOADED_SESSION 0x02000000u
#define SWTPM_SAVED_SESSION  0x03000000u
#define SWTPM_PERSISTENT     0x81000000u
#define SWTPM_NV	     0x01000000u
uint32_t swtpm_count(const struct swtpm *s, uint32_t kind);
/* All that programs must not leave behind: transient objects and sessions. */
uint32_t swtpm_left_behind(const struct swtpm *s);

/* A shell command that finds TPM2TOOLS_TCTI in its environment; its exit status. */
int swtpm_shell(const struct swtpm *s, const char *command);

#endif
