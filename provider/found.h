/*
 * found - the objects that a URI names, for the store and for references.
 *
 * 1. Tokens are opened and searched in found_open(), the objects read one by one afterwards.
 * 2. A login is made only where a private key is wanted and one token is meant: no PIN is ever
 *    tried on a token that may be another.
 * 3. Who expects one key and would get several is refused, with the candidates named.
 * 4. Who expects a public key never gets a private one, though it may be read from it.
 */
#ifndef INRO_PROVIDER_FOUND_H
#define INRO_PROVIDER_FOUND_H

#include "provider/fingerprint.h"
#include "provider/key.h"

enum found_kind { FOUND_PRIVATE, FOUND_PUBLIC, FOUND_CERT, FOUND__MAX };

struct found_item {
	struct token *token;
	enum found_kind kind;
	CK_OBJECT_HANDLE handle;
};

struct found {
	struct found_item *items;
	size_t n;
};

#define FOUND_MORE 4

/* What the asking program wants: an OSSL_STORE_INFO_... number, 0 for anything. */
struct found_query {
	const struct p11_uri *uri;
	int expected;
	OSSL_PASSPHRASE_CALLBACK *ask;
	void *arg;
	/* What the program looks for besides, at most FOUND_MORE attributes. */
	CK_ATTRIBUTE *more;
	CK_ULONG more_n;
	bool certs_only; /* the attributes are those of a certificate */
	struct fingerprint print;
};

/* INRO_E_NOT_FOUND when a named object is not there; an empty list when a whole token was asked
 * for. */
MUST_CHECK enum inro_err found_open(struct prov *p, const struct found_query *q, struct found *ret);
void found_clear(struct found *f);

MUST_CHECK enum inro_err found_key(const struct found_item *item, const struct p11_uri *uri,
				   struct key **ret);
MUST_CHECK enum inro_err found_cert(const struct found_item *item, struct buf *ret_der);

/* The one secret key that a URI names, after a login. */
MUST_CHECK enum inro_err found_secret_key(struct prov *p, const char *uri, struct object **ret);

#endif
