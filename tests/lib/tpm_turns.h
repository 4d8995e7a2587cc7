/*
 * tpm_turns - TPM commands as bytes over a link, for tests of links: each is a turn of its own.
 *
 * A response code of the TPM is returned as a number; what the link itself says is in turn_err.
 */
#ifndef INRO_TESTS_LIB_TPM_TURNS_H
#define INRO_TESTS_LIB_TPM_TURNS_H

#include "tpm/link/link.h"

#define TURN_LINK_FAILED 0xffffffff

#define TURN_COUNTER 0x01500001 /* NV indices with empty auth */
#define TURN_WORDS   0x01500002
#define TURN_GUARDED 0x01500003 /* its auth is TURN_PASSWORD; counts for the dictionary lockout */
#define TURN_KEPT    0x81000010 /* a persistent handle */

extern _Thread_local enum inro_err turn_err;
extern _Thread_local uint64_t turn_epoch; /* of the last turn */

/* These end the program when they fail.  A home of this name, its memory as that of scratch_path();
 * a link to its embedded TPM; one with a counter, that has been incremented once. */
const char *turn_home(const char *name);
struct link *turn_embedded(const char *home);
struct link *turn_with_counter(const char *home);
/* A file of the home; good until the next call. */
const char *turn_in_home(const char *home, const char *name);
/* The counter's value. */
uint64_t turn_counted(struct link *l);

/* One turn with one command: tag, code, handles, an empty password for `auths` of them, parameters.
 */
struct turn_command {
	uint32_t code;
	uint32_t handle[2];
	unsigned handles, auths;
	struct bytes password, params;
	bool durable;
};
void turn_bytes(const struct turn_command *c, struct buf *ret);
uint32_t turn_run(struct link *l, const struct turn_command *c, struct buf *ret_response);

uint32_t turn_random(struct link *l);
uint32_t turn_define_counter(struct link *l);
uint32_t turn_increment(struct link *l);
uint32_t turn_count(struct link *l, uint64_t *ret);
uint32_t turn_define_words(struct link *l);
uint32_t turn_write_words(struct link *l, const char *eight);
uint32_t turn_read_words(struct link *l, char ret[9]);
#define TURN_PASSWORD "right"
uint32_t turn_define_guarded(struct link *l);
/* TPM2_RC_NV_UNINITIALIZED when the password is right: nothing is written there. */
uint32_t turn_read_guarded(struct link *l, const char *password);
/* Keys in the owner's hierarchy; the handle is transient. */
uint32_t turn_ecc_primary(struct link *l, uint32_t *ret_handle);
/* Its public point: the same in one TPM, and of this TPM alone. */
uint32_t turn_ecc_point(struct link *l, uint8_t ret[64]);
uint32_t turn_rsa_primary(struct link *l, uint32_t *ret_handle);
uint32_t turn_flush(struct link *l, uint32_t handle);
uint32_t turn_keep(struct link *l, uint32_t handle);
/* An ECDSA signature by this key, and the command for one. */
uint32_t turn_sign(struct link *l, uint32_t key);
void turn_sign_bytes(uint32_t key, struct buf *ret);
/* What an RSA key is made to decrypt and is no ciphertext. */
uint32_t turn_decrypt_nonsense(struct link *l, uint32_t key);

#endif
