/*
 * cipher - an encryption or decryption by an AES key of a token, and the modes it comes in.
 *
 * 1. No session of the token is held between two calls: each piece is one operation of its own.
 *    What ties the pieces together (the next IV, the bytes of an unfinished block) is kept here,
 *    so that a copy, a fork or a lost session in between does no harm.
 * 2. Encryption and decryption are one mechanism; a row of cipher_modes says what a mode adds.
 * 3. GCM and CCM take a message in one piece, as libcrypto's own CCM does: whoever decrypts sets
 *    the tag first, and gets no byte of a message whose tag is wrong.  libcrypto's own GCM gives
 *    such bytes out before it looks at the tag.
 * 4. A nonce that the program set is used for one message.
 */
#ifndef INRO_PROVIDER_CIPHER_H
#define INRO_PROVIDER_CIPHER_H

#include "provider/secret_key.h"

#define CIPHER_BLOCK  16
#define CIPHER_IV_MAX 128
#define CIPHER_TAG    16

/* The modes: what their rows and functions are called here, and their names. */
#define CIPHER_MODES(X)                                                                            \
	X(ecb, "ECB")                                                                              \
	X(cbc, "CBC") X(ctr, "CTR") X(ofb, "OFB") X(cfb, "CFB") X(gcm, "GCM") X(ccm, "CCM")

#define CIPHER_MODE_ID(mode, name) CIPHER_##mode,
enum cipher_mode_id { CIPHER_MODES(CIPHER_MODE_ID) CIPHER__MAX };
#undef CIPHER_MODE_ID

enum cipher_form {
	CIPHER_BLOCKS, /* whole blocks, the last one filled up */
	CIPHER_STREAM, /* as many bytes out as in */
	CIPHER_AEAD,
};

struct cipher;
union cipher_params;

struct cipher_mode {
	enum cipher_form form;
	CK_MECHANISM_TYPE mech;
	unsigned number; /* what libcrypto calls the mode */
	/* Bytes of the IV: where nothing is set, what may be, and what libcrypto says beforehand.
	 */
	size_t iv, iv_min, iv_max, iv_told;
	size_t tag, tag_min, tag_step;
	/* The parameters of the mechanism for n bytes; NULL: the IV alone. */
	void (*params)(struct cipher *c, size_t n, union cipher_params *room, CK_MECHANISM *mech);
	/* The IV behind these whole blocks. */
	void (*advance)(struct cipher *c, struct bytes in, const uint8_t *out);
};

extern const struct cipher_mode cipher_modes[CIPHER__MAX];

/* A mode with a key of so many bytes. */
struct cipher_kind {
	const char *name;
	const struct cipher_mode *mode;
	size_t key;
};

enum cipher_iv { CIPHER_IV_NONE, CIPHER_IV_SET, CIPHER_IV_USED };

struct cipher {
	struct prov *prov;
	const struct cipher_kind *kind;
	struct object *key; /* NULL: none yet */
	bool encrypting, padding;
	enum cipher_iv iv_state;
	uint8_t first_iv[CIPHER_IV_MAX], iv[CIPHER_IV_MAX];
	size_t iv_n;
	/* The input of a block that is not whole yet; of a stream, its output is out already. */
	uint8_t pending[CIPHER_BLOCK];
	size_t pending_n;
	/* AEAD */
	struct buf aad;
	uint8_t tag[CIPHER_TAG];
	size_t tag_n;
	bool has_tag, done;
};

/* How many bytes cipher_update() gives for n more. */
size_t cipher_gives(const struct cipher *c, size_t n);
/* A piece of the message; out has room for that many bytes. */
MUST_CHECK enum inro_err cipher_update(struct cipher *c, struct bytes in, uint8_t *out);
MUST_CHECK enum inro_err cipher_aad(struct cipher *c, struct bytes aad);
/* What remains; out has room for a block if the form is CIPHER_BLOCKS. */
MUST_CHECK enum inro_err cipher_final(struct cipher *c, uint8_t *out, size_t *ret_n);
/* A new message; without an IV the one of before where libcrypto does so.  A tag to compare with
 * may have been set before. */
MUST_CHECK enum inro_err cipher_start(struct cipher *c, bool encrypting, struct bytes iv);

#endif
