/* verifier - "IV", version 1, cost, r, p, 16 octets of salt, 32 of scrypt's output. */
#include "backoffice/pki/verifier.h"

#include <openssl/evp.h>
#include <string.h>

#include "backoffice/pki/crypt.h"
#include "base/secret.h"

#define HEAD	    "IV\1"
#define HEAD_OCTETS 3
#define SALT	    16
#define OUT	    32
#define COST_MIN    1
#define COST_MAX    20
#define R	    8
#define P	    1

struct stored {
	uint8_t cost, r, p;
	struct bytes salt, out;
};

static enum inro_err derive(const struct stored *s, struct bytes value, uint8_t out[static OUT])
{
	uint64_t n = UINT64_C(1) << s->cost;
	uint64_t memory = n * s->r * 128 + (UINT64_C(1) << 20);

	if (EVP_PBE_scrypt_ex((const char *)value.p, value.n, s->salt.p, s->salt.n, n, s->r, s->p,
			      memory, out, OUT, crypt_libctx(), NULL) == 1)
		return INRO_OK;
	return crypt_err("scrypt");
}

enum inro_err verifier_make(struct bytes value, unsigned cost, struct buf *ret)
{
	uint8_t salt[SALT], out[OUT];
	const struct stored s = { (uint8_t)cost, R, P, BYTES(salt, sizeof salt), BYTES_NONE };
	enum inro_err e = random_fill(salt, sizeof salt);

	if (!e)
		e = derive(&s, value, out);
	if (e)
		return e;
	buf_add(ret, BYTES(HEAD, HEAD_OCTETS));
	buf_add_u8(ret, s.cost);
	buf_add_u8(ret, s.r);
	buf_add_u8(ret, s.p);
	buf_add(ret, s.salt);
	buf_add(ret, BYTES(out, sizeof out));
	return buf_err(ret);
}

bool verifier_is(struct bytes stored)
{
	return stored.n > HEAD_OCTETS && memcmp(stored.p, HEAD, HEAD_OCTETS) == 0;
}

static enum inro_err read_stored(struct bytes in, struct stored *ret)
{
	struct bytes head;
	bool good = read_bytes(&in, HEAD_OCTETS, &head) == INRO_OK &&
		    bytes_equal(head, BYTES(HEAD, HEAD_OCTETS)) &&
		    read_u8(&in, &ret->cost) == INRO_OK && read_u8(&in, &ret->r) == INRO_OK &&
		    read_u8(&in, &ret->p) == INRO_OK &&
		    read_bytes(&in, SALT, &ret->salt) == INRO_OK &&
		    read_bytes(&in, OUT, &ret->out) == INRO_OK && in.n == 0;

	if (good && ret->cost >= COST_MIN && ret->cost <= COST_MAX && ret->r == R && ret->p == P)
		return INRO_OK;
	return err_set(INRO_E_DAMAGED, "what verifies a password or key is not as it was written");
}

enum inro_err verifier_check(struct bytes stored, struct bytes value)
{
	struct stored s;
	uint8_t out[OUT];
	enum inro_err e = read_stored(stored, &s);

	if (!e)
		e = derive(&s, value, out);
	if (!e && !secret_equal(BYTES(out, sizeof out), s.out))
		e = INRO_E_PIN_WRONG;
	wipe(out, sizeof out);
	return e;
}
