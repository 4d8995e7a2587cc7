/*
 * auth - the record that lets a PIN open the master key.
 *
 * 1. The master key is sealed with AES-256-GCM under scrypt(PIN, salt) (RFC 7914), one record for
 *    each role; role, token serial and the scrypt parameters are bound as associated data.
 * 2. A record can't ask for less work than AUTH_MIN_LOG2_N or for more memory than AUTH_MAX_LOG2_N:
 *    an edited one neither weakens what is written next nor eats the machine.
 * 3. A wrong PIN and a record whose sealed part was changed can't be told apart: both are
 *    INRO_E_PIN_WRONG.
 *
 * docs/key-hierarchy.md has the layout byte by byte.
 */
#ifndef INRO_PKCS11_SOFT_AUTH_H
#define INRO_PKCS11_SOFT_AUTH_H

#include "base/cryptoki/cryptoki.h"
#include "base/secret.h"

#define AUTH_MASTER 32

struct auth_cost {
	uint8_t log2_n, r, p;
};

/* What new records are made with; a guess costs auth_cost_now on the attacker's machine. */
extern const struct auth_cost auth_cost_now;

#define AUTH_MIN_LOG2_N 15
#define AUTH_MAX_LOG2_N 18 /* 256 MiB */
#define AUTH_R		8
#define AUTH_P		1

/* A record from which `master` (AUTH_MASTER bytes) can be made again with this PIN, for this user of the
 * token of this serial number alone.  In two steps, of which the first takes the time: what the record
 * begins with, its salt among it, and the key that the PIN gives with that; and the record.  The first is
 * used for one record.  INRO_E_PIN_FORMAT. */
MUST_CHECK enum inro_err auth_begin(CK_USER_TYPE user, struct bytes pin, struct buf *ret_begun,
				    struct secret *ret_key);
MUST_CHECK enum inro_err auth_make_by(CK_USER_TYPE user, struct bytes serial, struct bytes begun,
				      struct bytes key, struct bytes master,
				      struct buf *ret_record);
/* `master` again, in two steps, of which the first takes the time: the key that the PIN gives with this
 * record, and what it opens there.  INRO_E_PIN_WRONG, also for a PIN that can't ever have been set, and for
 * a record that was altered; INRO_E_DAMAGED for what can't be a record. */
MUST_CHECK enum inro_err auth_stretch(CK_USER_TYPE user, struct bytes record, struct bytes pin,
				      struct secret *ret_key);
MUST_CHECK enum inro_err auth_open_by(CK_USER_TYPE user, struct bytes serial, struct bytes record,
				      struct bytes key, struct secret *ret_master);

/* scrypt itself, out->n bytes; for auth and for the published vectors. */
MUST_CHECK enum inro_err auth_scrypt(struct bytes pin, struct bytes salt, struct auth_cost cost,
				     struct secret *out);

#endif
