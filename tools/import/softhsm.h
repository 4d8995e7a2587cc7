/*
 * softhsm - reads the token store of SoftHSM 2 (both its kinds: files and SQLite), and never
 * writes.
 *
 * A store is a folder of tokens, one folder each.  With the file backend it holds token.object and
 * an X.object for each object; with the SQLite backend sqlite3.db has the same as rows, of which
 * the reader makes the file's form, so that there is one parser.
 *
 * An object file is a generation number and then attributes, all numbers 8 octets big endian:
 * type, kind, value (see enum softhsm_kind).  In an object whose CKA_PRIVATE is true each octet
 * string but the dates is encrypted under the token's key: 16 octets IV, AES-256-CBC, PKCS#7.
 * The token's key is in the token object twice, under the user's and under the SO's PIN:
 * salt (8), IV (16), AES-256-CBC of "RJR" and the key, under a key that SHA-256 makes of salt and
 * PIN in 1500 + salt[7] rounds.
 *
 * 1. Whatever is in a file, the parser answers INRO_OK or INRO_E_DAMAGED and reads nothing behind
 *    it.
 * 2. Attributes borrow from the object's file; secrets are decrypted into secret memory only.
 */
#ifndef INRO_TOOLS_IMPORT_SOFTHSM_H
#define INRO_TOOLS_IMPORT_SOFTHSM_H

#include "base/cryptoki/cryptoki.h"
#include "base/secret.h"

enum softhsm_kind {
	SOFTHSM_BOOL = 1,  /* one octet */
	SOFTHSM_ULONG = 2, /* 8 octets */
	SOFTHSM_BYTES = 3, /* a length and that many octets */
	SOFTHSM_MAP = 4,   /* a length in octets and attributes, none of them a map */
	SOFTHSM_MECHS = 5, /* a count and that many numbers */
};

struct softhsm_attr {
	CK_ATTRIBUTE_TYPE type;
	enum softhsm_kind kind;
	uint64_t number;    /* BOOL (0, 1), ULONG */
	struct bytes bytes; /* BYTES, MAP, MECHS: without the length */
};

#define SOFTHSM_ATTRS	 96	      /* of one object; SoftHSM itself has some 40 */
#define SOFTHSM_FILE_MAX (1u << 20)   /* octets of one object */
#define SOFTHSM_OBJECTS	 (1u << 20)   /* of one token */
#define SOFTHSM_KEY	 ((size_t)32) /* octets of a token's key */

struct softhsm_object {
	struct softhsm_attr attrs[SOFTHSM_ATTRS];
	size_t n;
};

/* The attributes of an object file; they borrow from it.  INRO_E_DAMAGED with what is wrong. */
MUST_CHECK enum inro_err softhsm_parse(struct bytes file, struct softhsm_object *ret);
/* The attributes in a SOFTHSM_MAP. */
MUST_CHECK enum inro_err softhsm_parse_map(struct bytes map, struct softhsm_object *ret);
/* NULL when the object has none of that type and kind. */
const struct softhsm_attr *softhsm_attr(const struct softhsm_object *o, CK_ATTRIBUTE_TYPE type,
					enum softhsm_kind kind);
/* `otherwise` when there is none. */
bool softhsm_bool(const struct softhsm_object *o, CK_ATTRIBUTE_TYPE type, bool otherwise);
/* CK_UNAVAILABLE_INFORMATION when there is none. */
CK_ULONG softhsm_ulong(const struct softhsm_object *o, CK_ATTRIBUTE_TYPE type);

/* Names of a token's objects: files, or rows. */
struct softhsm_names {
	char (*v)[64];
	size_t n, cap;
};

void softhsm_names_clear(struct softhsm_names *l);
MUST_CHECK enum inro_err softhsm_names_add(struct softhsm_names *l, const char *name);

struct softhsm_token {
	char *path;	       /* its folder */
	char label[33];	       /* without the blanks at its end */
	struct buf content;    /* the token object's file */
	struct bytes user, so; /* key under a PIN; none: that PIN was never set */
	bool database;
};

struct softhsm_tokens {
	struct softhsm_token *v;
	size_t n;
};

void softhsm_tokens_clear(struct softhsm_tokens *t);
/* Every token in a folder of tokens, or the one whose folder it is; by path.  INRO_E_NOT_FOUND when
 * there is none, INRO_E_DAMAGED when a token object can't be read. */
MUST_CHECK enum inro_err softhsm_find(const char *dir, struct softhsm_tokens *ret);
/* Every object of a token, and one of them, not parsed yet; give it a buffer of secret memory. */
MUST_CHECK enum inro_err softhsm_list(const struct softhsm_token *t, struct softhsm_names *ret);
MUST_CHECK enum inro_err softhsm_read(const struct softhsm_token *t, const char *name,
				      struct buf *ret);

/* sqlite3.db in the form of files; the token object is SOFTHSM_DB_TOKEN. */
#define SOFTHSM_DB_TOKEN "1"
MUST_CHECK enum inro_err softhsm_db_list(const char *path, struct softhsm_names *ret);
MUST_CHECK enum inro_err softhsm_db_read(const char *path, const char *name, struct buf *ret);

/* The token's key.  INRO_E_PIN_WRONG; INRO_E_PIN_MISSING when that PIN was never set. */
MUST_CHECK enum inro_err softhsm_unlock(struct bytes blob, struct bytes pin, struct secret *ret);
/* Decrypts an attribute to out, at least as long as `in`.  INRO_E_DAMAGED. */
MUST_CHECK enum inro_err softhsm_decrypt(const struct secret *key, struct bytes in, uint8_t *out,
					 size_t *ret_n);

#endif
