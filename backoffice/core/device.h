/*
 * device - the registry of devices.
 *
 * An id is 1 to 64 characters of [A-Za-z0-9._:-]; other fields are UTF-8 without control
 * characters, up to 255 bytes.  A deleted device stays visible, its name suffixed by the time of
 * that in milliseconds ("device012.1558882353284"), and its id can be given again.
 */
#ifndef INRO_BACKOFFICE_CORE_DEVICE_H
#define INRO_BACKOFFICE_CORE_DEVICE_H

#include "backoffice/core/core.h"

#define DEVICE_ID_MAX	 64
#define DEVICE_FIELD_MAX 255

#define DEVICE_ATTRS_MAX   4096 /* bytes of JSON */
#define DEVICE_ATTRS_COUNT 32

/* What only this device has: a public key or certificate (PEM or DER) of a key of its own, its
 * TPM's endorsement key, or "MAKER:SERIAL".  Kept as SHA-256: of the SubjectPublicKeyInfo, or of
 * the text in capital letters.  Refused when another live device of the tenant has it, or when it
 * is no device's own ("unknown", all zero, a key that is known to be shared). */
struct device_anchor {
	enum anchor_kind kind; /* ANCHOR_NONE: takes it away */
	enum anchor_store store;
	struct bytes value;
	bool hashed; /* the value is the SHA-256 */
};

/* NULL: not given.  "" takes a field away. */
struct device_fields {
	const char *name, *ip, *mac, *hostname, *os, *serial;
	const char *group; /* its path */
	const char *attrs; /* a JSON object of texts, numbers and booleans; null takes one away */
	const struct device_anchor *anchor;
};

struct device_filter {
	const char *id_prefix;		/* NULL: any */
	const enum device_state *state; /* NULL: any but deleted */
	bool with_deleted;
};

#define DEVICE_ID_MADE 17 /* 16 and 0 */
/* An id for a device that nobody has named: 64 random bits, in hexadecimal digits. */
MUST_CHECK enum inro_err device_id_new(char ret[static DEVICE_ID_MADE]);
/* INRO_E_EXISTS, INRO_E_ARG (which field and why). */
MUST_CHECK enum inro_err device_add(struct core *c, const char *id, const struct device_fields *f,
				    struct device *ret);
/* The same with a pre-shared key (psk.h), made and recorded in the same transaction; *psk is empty
 * before.  May need the token that seals. */
struct psk_new;
MUST_CHECK enum inro_err device_add_with(struct core *c, const char *id,
					 const struct device_fields *f, struct psk_new *psk,
					 struct device *ret);
/* The one that is not deleted, else the one deleted last. */
MUST_CHECK enum inro_err device_get(struct core *c, const char *id, struct device *ret);
/* A search: what where.h says, and the words of device_filter beside it. */
struct device_search {
	const char *where; /* NULL: nothing */
	struct device_filter filter;
	const char *sort;  /* id, name, host, ip or mac; NULL: any order */
	const char *after; /* the cursor of the page before; NULL: from the start */
	size_t limit;	   /* 0: PAGE_MAX */
};
struct device_found {
	struct device *items;
	size_t n;
	char *next; /* NULL: that was all.  A page may be short and yet have a next one. */
};
void device_found_clear(struct device_found *f);
MUST_CHECK enum inro_err device_search(struct core *c, const struct device_search *s,
				       struct device_found *ret);

/* Fields that are not given stay. */
MUST_CHECK enum inro_err device_update(struct core *c, const char *id,
				       const struct device_fields *f, struct device *ret);
/* VERB_ENABLE or VERB_DISABLE.  A disabled device gets no certificates; those it has stay valid. */
MUST_CHECK enum inro_err device_switch(struct core *c, const char *id, enum verb verb,
				       const char *why, struct device *ret);
/* Revokes every certificate of it that is still valid (cessationOfOperation), in the same
 * transaction. */
MUST_CHECK enum inro_err device_delete(struct core *c, const char *id, const char *why,
				       size_t *ret_revoked);

/* The anchor from words: "serial:MAKER:SERIAL"; "key:HEX", "ek:HEX" or "serial-sha256:HEX" with a
 * SHA-256. room: where the octets of HEX go. */
#define ANCHOR_HASH 32
MUST_CHECK enum inro_err device_anchor_parse(const char *text, uint8_t room[static ANCHOR_HASH],
					     struct device_anchor *ret);
/* Is the value one that its kind has (not SHA-256 alone)?  For errors that name the file it is from. */
MUST_CHECK enum inro_err device_anchor_check(const struct device_anchor *a);
/* The id of the deleted device that had its trust anchor last, under another id; the caller's (free()),
 * NULL: there is none. */
MUST_CHECK enum inro_err device_anchor_before(struct core *c, const struct device *d, char **ret);
/* What device_anchor_parse() takes, appended; nothing when there is none. */
void device_anchor_text(const struct device *d, struct buf *out);

/* The path of its group, "" when it is in none; the caller's (free()). */
MUST_CHECK enum inro_err device_group_path(struct core *c, const struct device *d, char **ret);

#endif
