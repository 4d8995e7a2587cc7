/* pkey_away - checks and forms of pairs whose private half is elsewhere. */
#include "pkcs11/token/pkey_away.h"

#include <string.h>

#include "base/own.h"
#include "pkcs11/token/pkey_private.h"

enum inro_err pkey_away_sign(const struct pkey *public, const struct use_spec *spec,
			     struct bytes *in, struct buf *room, struct use_spec *ret_spec)
{
	KEEP_LIBCRYPTO_ERRORS();
	const struct pkey_raw *raw = NULL;
	struct use_spec s = *spec;
	/* what verifies also signs, and takes the same */
	enum inro_err e = pkey_reduce(public, USE_VERIFY, &s, in, room, &raw);

	if (!e)
		*ret_spec = s;
	return e;
}

enum inro_err pkey_away_decrypt(const struct pkey *public, const struct use_spec *spec,
				struct bytes in)
{
	const struct pkey_raw *raw = NULL;

	return pkey_decrypt_check(public, spec, USE_ENCRYPT, in, &raw);
}

enum inro_err pkey_away_pkcs1(struct bytes secret, struct bytes ciphertext, uint8_t *em,
			      size_t *ret_n)
{
	return pkey_pkcs1_unpad(secret, ciphertext, em, ret_n);
}

enum inro_err pkey_away_peer(const struct pkey *public, struct bytes peer,
			     uint8_t point[EC_MAX_POINT])
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(pkey_unref_ptr) struct pkey *other = NULL;
	enum inro_err e = pkey_take_peer(public, peer, &other);

	if (!e)
		memcpy(point, other->point, public->curve->point);
	return e;
}

const struct curve *pkey_away_curve(const struct pkey *public)
{
	return public->curve;
}
