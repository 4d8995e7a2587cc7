/*
 * make - keys made in a token: pairs for keygen, secret keys for EVP_SKEY.
 *
 * 1. Nothing is made where a key of that name is there, or where more than one token may be meant.
 * 2. A key that can't be handed on is deleted again.
 */
#ifndef INRO_PROVIDER_MAKE_H
#define INRO_PROVIDER_MAKE_H

#include "provider/key.h"

struct make_spec {
	const struct key_type *type;
	const struct p11_uri *uri;  /* the token, the name, where the PIN is */
	bool from_setting;	    /* the URI is a template: each key gets a label of its own */
	const char *group;	    /* EC: any name that libcrypto has for the curve */
	size_t bits;		    /* RSA */
	struct bytes exponent;	    /* RSA, big endian; empty: 65537 */
	const struct digest *bound; /* RSA-PSS: the only digest; NULL: any */
};

/* True for the kinds of key that are made in a token without being asked for by a URI, where the
 * setting `keygen` says so: those that sign. */
bool make_is_identity(const struct key_type *type);

/* May this URI name a new key?  INRO_E_ARG with the reason when not. */
MUST_CHECK enum inro_err make_check_uri(const struct p11_uri *uri, bool from_setting);

/* A secret key. */
struct make_secret {
	const char *name; /* of its kind */
	CK_MECHANISM_TYPE mech;
	size_t size;	     /* bytes */
	bool encrypts;	     /* and decrypts; else it makes MACs */
	struct p11_uri *uri; /* its type is set */
};

MUST_CHECK enum inro_err make_secret_key(struct prov *p, const struct make_secret *what,
					 struct object **ret);

MUST_CHECK enum inro_err make_pair(struct prov *p, const struct make_spec *spec, struct key **ret);

#endif
