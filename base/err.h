/*
 * err - one list of everything that can go wrong, for every room of the house.
 *
 * 1. A function that can fail returns enum inro_err and is marked MUST_CHECK.
 * 2. Where an error is first seen, err_set() records one line of detail for this
 *    thread: what went wrong, with which thing, and what to do.  It never names a secret.
 * 3. The border (C_* function, provider, command) turns the code into its own world by one
 *    total table and reports the detail once.
 */
#ifndef INRO_BASE_ERR_H
#define INRO_BASE_ERR_H

#define MUST_CHECK	       __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))

enum inro_err {
	INRO_OK,
	/* what was asked */
	INRO_E_ARG,	    /* an argument makes no sense */
	INRO_E_SYNTAX,	    /* text or DER that can't be read */
	INRO_E_TOO_BIG,	    /* over a stated bound */
	INRO_E_TOO_SMALL,   /* the caller's buffer; nothing was consumed */
	INRO_E_NOT_FOUND,   /* no such thing */
	INRO_E_AMBIGUOUS,   /* more than one such thing */
	INRO_E_EXISTS,	    /* there is one already */
	INRO_E_UNSUPPORTED, /* known, but not offered here */
	INRO_E_STATE,	    /* not a legal move from where the thing is */
	INRO_E_POLICY,	    /* a rule of the profile, token or CA forbids it */
	INRO_E_SIGNATURE,   /* a signature that does not verify */
	/* the world */
	INRO_E_NO_MEMORY,
	INRO_E_IO,	/* read, write, sync failed */
	INRO_E_FULL,	/* no space left */
	INRO_E_ACCESS,	/* permission */
	INRO_E_BUSY,	/* held by another; try again */
	INRO_E_DAMAGED, /* stored data that fails its checks */
	INRO_E_VERSION, /* stored by a later version */
	INRO_E_CRYPTO,	/* libcrypto refused or failed */
	INRO_E_CONFIG,	/* a setting or installation is wrong */
	/* people */
	INRO_E_PIN_WRONG,
	INRO_E_PIN_LOCKED,
	INRO_E_PIN_FORMAT,  /* length or characters */
	INRO_E_PIN_MISSING, /* needed and not given, or not set yet */
	INRO_E_LOGIN,	    /* needs a login that is not there */
	/* the face of a token (each has one CK_RV) */
	INRO_E_NOT_INITIALIZED,
	INRO_E_ALREADY_INITIALIZED,
	INRO_E_SLOT,
	INRO_E_NO_TOKEN,
	INRO_E_TOKEN_UNKNOWN, /* a store that is not ours or not initialised */
	INRO_E_TOKEN_WRITE_PROTECTED,
	INRO_E_SESSION_HANDLE,
	INRO_E_SESSION_COUNT,
	INRO_E_SESSION_EXISTS,
	INRO_E_SESSION_READ_ONLY,
	INRO_E_SESSION_READ_ONLY_EXISTS,
	INRO_E_SO_LOGGED_IN, /* an SO session forbids a read-only one */
	INRO_E_PARALLEL,
	INRO_E_USER_ALREADY_LOGGED_IN,
	INRO_E_ANOTHER_USER_LOGGED_IN,
	INRO_E_USER_TYPE,
	INRO_E_OBJECT_HANDLE,
	INRO_E_KEY_HANDLE,
	INRO_E_KEY_SIZE,
	INRO_E_KEY_TYPE, /* key and mechanism do not fit */
	INRO_E_KEY_USE,	 /* the key's attributes forbid this use */
	INRO_E_KEY_UNEXTRACTABLE,
	INRO_E_ATTR_TYPE,
	INRO_E_ATTR_VALUE,
	INRO_E_ATTR_READ_ONLY,
	INRO_E_ATTR_SENSITIVE,
	INRO_E_TEMPLATE_INCOMPLETE,
	INRO_E_TEMPLATE_INCONSISTENT,
	INRO_E_ACTION_PROHIBITED,
	INRO_E_MECHANISM,
	INRO_E_MECHANISM_PARAM,
	INRO_E_CURVE,
	INRO_E_OP_ACTIVE,
	INRO_E_OP_NOT_INITIALIZED,
	INRO_E_DATA_LENGTH,
	INRO_E_SIGNATURE_LENGTH,
	INRO_E_DATA_INVALID,
	INRO_E_CANT_LOCK,
	INRO_E_NO_EVENT,
	INRO_E_RANDOM_SEED,
	/* keys that move, and what was encrypted */
	INRO_E_CIPHERTEXT,
	INRO_E_CIPHERTEXT_LENGTH,
	INRO_E_AEAD,
	INRO_E_WRAPPED,
	INRO_E_WRAPPED_LENGTH,
	INRO_E_WRAPPING_KEY_HANDLE,
	INRO_E_WRAPPING_KEY_SIZE,
	INRO_E_WRAPPING_KEY_TYPE,
	INRO_E_UNWRAPPING_KEY_HANDLE,
	INRO_E_UNWRAPPING_KEY_SIZE,
	INRO_E_UNWRAPPING_KEY_TYPE,
	INRO_E_KEY_NOT_WRAPPABLE,
	INRO_E_KEY_INDIGESTIBLE,
	INRO_E_KEY_NEEDED,
	INRO_E_KEY_NOT_NEEDED,
	INRO_E_KEY_CHANGED,
	INRO_E_SAVED_STATE,
	INRO_E_STATE_UNSAVEABLE,
	INRO_E_PUBLIC_KEY,
	INRO_E_DOMAIN_PARAMS,
	INRO_E_PARAMETER_SET,
	INRO_E_PIN_INVALID,
	INRO_E_PIN_EXPIRED,
	INRO_E_PIN_WEAK,
	INRO_E_CANCEL,
	INRO_E_CANCELLED, /* a person, or the program that asks him, gave it up */
	INRO_E_APPROVAL,  /* others must approve first; it is proposed to them */
	INRO_E_TOKEN,	  /* a Cryptoki module below us failed; the detail has its CK_RV */
	INRO_E__MAX
};

/* What a person reads for a code when there is no better detail.  Total; never NULL. */
const char *err_text(enum inro_err e);

/* The code's name, "INRO_E_NOT_FOUND".  Total; never NULL. */
const char *err_name(enum inro_err e);

/* Records the detail of this thread's latest error; its value is the code, so that a caller can
 * `return err_set(INRO_E_NOT_FOUND, "no token is labelled '%s'", label);`.  At most 511 bytes are
 * kept; control characters become '?'.  A macro, so that the compiler sees that an error is not
 * INRO_OK; `e` is evaluated twice. */
#define err_set(e, ...) (err_record((e), __VA_ARGS__), (e))
void err_record(enum inro_err e, const char *format, ...) PRINTF_LIKE(2, 3);

/* Puts words in front of the detail recorded last ("reading x.csr: ..."); its value is the code. */
#define err_context(e, ...) (err_prefix((e), __VA_ARGS__), (e))
void err_prefix(enum inro_err e, const char *format, ...) PRINTF_LIKE(2, 3);

/* The detail if one was recorded for this very code, else err_text(e). */
const char *err_detail(enum inro_err e);

void err_reset(void); /* forgets the detail: after a failure that was none for who called */

#define ERR_DETAIL_MAX 512

/* The detail recorded last, kept while things are cleared up, which may fail too:
 * SCOPED(err_kept) kept = err_keep(); puts it back at the end of the block. */
struct __attribute__((unused)) err_kept { /* nobody looks at one */
	enum inro_err code;
	char text[ERR_DETAIL_MAX];
};

struct err_kept err_keep(void);
void err_kept_clear(struct err_kept *kept);

#endif
