/*
 * policy - which key may move under which, and what may become of one: rules as pure functions over
 * attributes and roles.
 *
 * The attacker has the PIN and may call anything in any order, in many processes.  A key that is
 * sensitive must not come out, whatever he asks for.  So:
 *
 * 1. A key that wraps sensitive ones is a mover: born with no use but wrapping and unwrapping, and
 *    none is ever added to it, by nobody.  That it can't decrypt is a fact of its whole life and of
 *    all its copies (CKA_INRO_MOVER is in the seal), not of the moment in which somebody asks: an
 *    operation that has begun earlier or elsewhere can't exist.
 * 2. It was made here or is CKA_TRUSTED, and it can't leave itself: no twin of it comes in by
 *    another way.  A public key's private half is here and is held to the same.
 * 3. What would undo a wrapping is authenticated; where a nonce that comes twice would show the
 *    keystream (GCM, CCM, ChaCha20) the token makes it, also when a readable key is wrapped with a
 *    key that has wrapped a sensitive one.  A mover that was used otherwise (CBC, a nonce of the
 *    caller's) has shown how it enciphers blocks of his choice, GCM's hash key among them, with
 *    which a blob can be cut: it wraps no sensitive key any more.
 * 4. Roles belong to a family: every object with that very key (backend.h).  A family that has
 *    wrapped a sensitive key of one class unwraps into sensitive keys of that class only, and the
 *    reverse; a key that is not readable is wrapped by no family that has made readable ones.
 * 5. What comes of a sensitive key is sensitive, of one that is not extractable not extractable,
 *    and is long enough that it can't be guessed piece by piece.
 * 6. A key that may go to another TPM (CKA_INRO_DUPLICABLE) counts as one that is not sensitive
 *    where it comes of another, by unwrapping or derivation: that TPM may be a program that tells.
 * PKCS#11 3.2 4.7 to 4.10, 5.18.  Clulow 2003; Delaune, Kremer, Steel 2008; Bortolozzo and others,
 * CCS 2010; Bardou and others 2012.  docs/threat-model.md has the calls and their answers.
 */
#ifndef INRO_PKCS11_TOKEN_POLICY_H
#define INRO_PKCS11_TOKEN_POLICY_H

#include "pkcs11/token/attrs.h"
#include "pkcs11/token/backend.h"
#include "pkcs11/token/template.h"

/* What a family of keys has done; kept in the store. */
enum role {
	ROLE_WRAPPED_SECRET = 1,  /* has wrapped a sensitive secret key */
	ROLE_WRAPPED_PRIVATE = 2, /* ... private key */
	ROLE_WRAPPED_BOUND = 4,	  /* ... one with CKA_WRAP_WITH_TRUSTED */
	ROLE_UNWRAPPED_OPEN = 8,  /* has unwrapped into a key that is not sensitive (or see 6) */
	ROLE_UNWRAPPED_SECRET = 16,
	ROLE_UNWRAPPED_PRIVATE = 32,
	ROLE_LOOSE = 64, /* has wrapped or unwrapped what shows how it enciphers a chosen block */
	/* Has wrapped a sensitive key by OAEP, or by RSA-AES: what OAEP opens of that is the key in
	 * between, which would open the rest as anything.  One of them, never both. */
	ROLE_WRAPPED_DIRECT = 128,
	ROLE_WRAPPED_NESTED = 256,
};

#define ROLES_WRAPPED (ROLE_WRAPPED_SECRET | ROLE_WRAPPED_PRIVATE)

/* What an operation wants of the family of its key: none of `forbid`, and `add` on record before
 * anything is given out.  `refusal` is the error when a forbidden one is there. */
struct role_claim {
	unsigned forbid, add;
	enum inro_err refusal;
};

struct policy_wrapping {
	CK_MECHANISM_TYPE mech;
	bool own_nonce;		  /* the token makes the nonce */
	bool chosen_iv;		  /* the caller has said what KW or KWP checks */
	unsigned aes_bits;	  /* of the key in between (RSA-AES, ECDH-AES); 0: there is none */
	const struct attrs *by;	  /* the key that wraps */
	const struct attrs *half; /* public ones: the private half, if the token has it */
	const struct attrs *key;  /* what is wrapped */
};

/* INRO_E_KEY_UNEXTRACTABLE, INRO_E_KEY_NOT_WRAPPABLE, INRO_E_WRAPPING_KEY_SIZE. */
MUST_CHECK enum inro_err policy_wrap(const struct policy_wrapping *w, struct role_claim *ret);

struct policy_unwrapping {
	CK_MECHANISM_TYPE mech;
	const struct attrs *by;	  /* the key that unwraps */
	const struct attrs *made; /* the new one, as it will be */
};

/* What the unwrapping key's family must be.  The refusal is INRO_E_TEMPLATE_INCONSISTENT when
 * another template would do. */
void policy_unwrap(const struct policy_unwrapping *u, struct role_claim *ret);
/* Sets what a family's past asks of an unwrapped key; `t` is what the caller gave.
 * INRO_E_TEMPLATE_INCONSISTENT. */
MUST_CHECK enum inro_err policy_bind(unsigned roles, struct template t, struct attrs *made);

/* What comes of a base: sensitivity and history are inherited.  `t` is what the caller gave.
 * INRO_E_TEMPLATE_INCONSISTENT.  Asymmetric bases (key agreement) give what the template says. */
MUST_CHECK enum inro_err policy_inherit(const struct attrs *base, struct template t,
					struct attrs *made);
/* The least bytes of a key from this base, 0 when any number will do. */
size_t policy_floor(const struct attrs *base);
/* Neither CKA_SENSITIVE nor unextractable: C_GetAttributeValue gives its value. */
bool policy_readable(const struct attrs *key);

/* Whether a family with these roles may be used so: INRO_E_KEY_USE. */
MUST_CHECK enum inro_err policy_use(unsigned roles, enum key_use use);

/* Whether CKA_ALLOWED_MECHANISMS has it, or is not there. */
bool policy_mechanism(const struct attrs *key, CK_MECHANISM_TYPE mech);

/* Bits of security (SP 800-57 part 1 5.6.1) from an object's attributes; 0: not known. */
unsigned policy_strength(const struct attrs *key);

/* Whether a key that exists may be given this use by the SO: a mover and its copies never get one
 * that shows what they have wrapped. */
bool policy_may_gain(const struct attrs *key, CK_ATTRIBUTE_TYPE use);

/* Of a new key that is no copy: CKA_INRO_MOVER from its uses. */
MUST_CHECK enum inro_err policy_set_born(struct attrs *key);

/* `policy = strict`: refuses to let a key be that the rules above would disarm when it is used.
 * INRO_E_TEMPLATE_INCONSISTENT. */
MUST_CHECK enum inro_err policy_strict(const struct attrs *key);
/* The same of a key that comes to be, copies too, which may not be one that can go to another TPM:
 * no change makes a key that, and one that is there from before stays as it is. */
MUST_CHECK enum inro_err policy_strict_new(const struct attrs *key);

#endif
