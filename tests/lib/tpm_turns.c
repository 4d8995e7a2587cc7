#include "tests/lib/tpm_turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/scratch.h"

#define CODE_AT	  6
#define OUTPUT_AT 10
#define PARAMS_AT 14 /* of a response with sessions and without handles */
#define X_AT	  42 /* of the answer that has a new P-256 key */
#define Y_AT	  76
#define OWNER	  TPM2_RH_OWNER

_Thread_local enum inro_err turn_err;
_Thread_local uint64_t turn_epoch;

struct link *turn_embedded(const char *home)
{
	struct link *l = NULL;

	if (link_make(bytes_of("libtpms:"), home, &l) == INRO_OK)
		return l;
	fprintf(stderr, "libtpms: %s\n", err_detail(INRO_E_CONFIG));
	exit(1);
}

const char *turn_home(const char *name)
{
	const char *path = scratch_path(name);

	if (mkdir(path, 0700) == 0)
		return path;
	perror(path);
	exit(1);
}

struct link *turn_with_counter(const char *home)
{
	struct link *l = turn_embedded(home);

	if (turn_define_counter(l) == TPM2_RC_SUCCESS && turn_increment(l) == TPM2_RC_SUCCESS)
		return l;
	fprintf(stderr, "libtpms: no counter: %s\n", err_detail(turn_err));
	exit(1);
}

const char *turn_in_home(const char *home, const char *name)
{
	static char path[600];

	snprintf(path, sizeof path, "%s%s", home, name);
	return path;
}

uint64_t turn_counted(struct link *l)
{
	uint64_t n;

	if (turn_count(l, &n) == TPM2_RC_SUCCESS)
		return n;
	fprintf(stderr, "libtpms: no count: %s\n", err_detail(turn_err));
	exit(1);
}

static void add_auths(struct buf *b, unsigned n, struct bytes password)
{
	if (n)
		buf_add_u32(b, (uint32_t)(9 + password.n) * n);
	for (unsigned i = 0; i < n; i++) {
		buf_add_u32(b, TPM2_RS_PW);
		buf_add(b, BYTES("\0\0\0", 3));
		wire_add_2b(b, password);
	}
}

void turn_bytes(const struct turn_command *c, struct buf *ret)
{
	buf_add(ret, BYTES(c->auths ? "\x80\x02" : "\x80\x01", 2));
	buf_add_u32(ret, 0);
	buf_add_u32(ret, c->code);
	for (unsigned i = 0; i < c->handles; i++)
		buf_add_u32(ret, c->handle[i]);
	add_auths(ret, c->auths, c->password);
	buf_add(ret, c->params);
	if (ret->err)
		return;
	ret->p[4] = (uint8_t)(ret->n >> 8);
	ret->p[5] = (uint8_t)ret->n;
}

static uint32_t number_at(const struct buf *b, size_t at)
{
	struct bytes rest = buf_bytes(b), skipped;
	uint32_t x = TURN_LINK_FAILED;

	if (read_bytes(&rest, at, &skipped) || read_u32(&rest, &x))
		return TURN_LINK_FAILED;
	return x;
}

uint32_t turn_run(struct link *l, const struct turn_command *c, struct buf *ret_response)
{
	SCOPED(buf) command = { 0 };

	turn_bytes(c, &command);
	turn_err = buf_err(&command);
	if (!turn_err)
		turn_err = link_begin(l, &turn_epoch);
	if (turn_err)
		return TURN_LINK_FAILED;
	turn_err = link_talk(l, buf_bytes(&command), c->durable, ret_response);
	link_end(l);
	return turn_err ? TURN_LINK_FAILED : number_at(ret_response, CODE_AT);
}

static uint32_t run_only(struct link *l, const struct turn_command *c)
{
	SCOPED(buf) response = { 0 };

	return turn_run(l, c, &response);
}

uint32_t turn_random(struct link *l)
{
	return run_only(l, &(struct turn_command) { .code = TPM2_CC_GetRandom,
						    .params = BYTES("\0\x10", 2) });
}

static uint32_t define(struct link *l, uint32_t index, uint32_t attributes, struct bytes auth)
{
	SCOPED(buf) p = { 0 };

	wire_add_2b(&p, auth);
	buf_add(&p, BYTES("\0\x0e", 2)); /* 14 bytes */
	buf_add_u32(&p, index);
	buf_add(&p, BYTES("\0\x0b", 2)); /* SHA-256 */
	buf_add_u32(&p, attributes);
	buf_add(&p, BYTES("\0\0\0\x08", 4)); /* no policy; 8 bytes */
	return run_only(l, &(struct turn_command) { .code = TPM2_CC_NV_DefineSpace,
						    .handle = { OWNER },
						    .handles = 1,
						    .auths = 1,
						    .params = buf_bytes(&p),
						    .durable = true });
}

#define GUARDED (TPMA_NV_AUTHWRITE | TPMA_NV_AUTHREAD)
#define PLAIN	(GUARDED | TPMA_NV_NO_DA)
#define COUNTER (PLAIN | TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT)

uint32_t turn_define_counter(struct link *l)
{
	return define(l, TURN_COUNTER, COUNTER, BYTES_NONE);
}

uint32_t turn_define_words(struct link *l)
{
	return define(l, TURN_WORDS, PLAIN, BYTES_NONE);
}

uint32_t turn_define_guarded(struct link *l)
{
	return define(l, TURN_GUARDED, GUARDED, bytes_of(TURN_PASSWORD));
}

static struct turn_command of_index(uint32_t code, uint32_t index, struct bytes params)
{
	return (struct turn_command) { .code = code,
				       .handle = { index, index },
				       .handles = 2,
				       .auths = 1,
				       .params = params,
				       .durable = true };
}

uint32_t turn_increment(struct link *l)
{
	const struct turn_command c = of_index(TPM2_CC_NV_Increment, TURN_COUNTER, BYTES_NONE);

	return run_only(l, &c);
}

/* The eight bytes of an index. */
static uint32_t read_index(struct link *l, uint32_t index, uint8_t ret[8])
{
	const struct turn_command c = of_index(TPM2_CC_NV_Read, index, BYTES("\0\x08\0\0", 4));
	SCOPED(buf) response = { 0 };
	uint32_t rc = turn_run(l, &c, &response);

	if (rc == TPM2_RC_SUCCESS && response.n >= PARAMS_AT + 2 + 8)
		memcpy(ret, response.p + PARAMS_AT + 2, 8);
	return rc;
}

uint32_t turn_count(struct link *l, uint64_t *ret)
{
	uint8_t eight[8] = { 0 };
	uint32_t rc = read_index(l, TURN_COUNTER, eight);

	*ret = 0;
	for (size_t i = 0; i < sizeof eight; i++)
		*ret = *ret << 8 | eight[i];
	return rc;
}

uint32_t turn_write_words(struct link *l, const char *eight)
{
	SCOPED(buf) p = { 0 };

	buf_add(&p, BYTES("\0\x08", 2));
	buf_add(&p, BYTES(eight, 8));
	buf_add(&p, BYTES("\0\0", 2));

	const struct turn_command c = of_index(TPM2_CC_NV_Write, TURN_WORDS, buf_bytes(&p));

	return run_only(l, &c);
}

uint32_t turn_read_words(struct link *l, char ret[9])
{
	uint8_t eight[8] = { 0 };
	uint32_t rc = read_index(l, TURN_WORDS, eight);

	memcpy(ret, eight, 8);
	ret[8] = '\0';
	return rc;
}

uint32_t turn_read_guarded(struct link *l, const char *password)
{
	struct turn_command c = of_index(TPM2_CC_NV_Read, TURN_GUARDED, BYTES("\0\x08\0\0", 4));

	c.password = bytes_of(password);
	c.durable = false;

	uint32_t rc = run_only(l, &c);

	/* the first use since the TPM began is noted by it first */
	return rc == TPM2_RC_RETRY ? run_only(l, &c) : rc;
}

static uint32_t make_primary(struct link *l, struct bytes area, struct buf *ret_response)
{
	SCOPED(buf) p = { 0 };

	buf_add(&p, BYTES("\0\x04\0\0\0\0\0", 6)); /* neither auth nor data */
	wire_add_2b(&p, area);
	buf_add(&p, BYTES("\0\0\0\0\0\0", 6)); /* no outside info, no PCRs */
	return turn_run(l,
			&(struct turn_command) { .code = TPM2_CC_CreatePrimary,
						 .handle = { OWNER },
						 .handles = 1,
						 .auths = 1,
						 .params = buf_bytes(&p) },
			ret_response);
}

static uint32_t primary(struct link *l, struct bytes area, uint32_t *ret_handle)
{
	SCOPED(buf) response = { 0 };
	uint32_t rc = make_primary(l, area, &response);

	*ret_handle = rc == TPM2_RC_SUCCESS ? number_at(&response, OUTPUT_AT) : 0;
	return rc;
}

/* type ECC, SHA-256, fixedTPM fixedParent sensitiveDataOrigin userWithAuth noDA sign, no policy, no
 * symmetric, ECDSA SHA-256, P-256, no KDF, no point */
static const uint8_t ecc_area[] = { 0, 0x23, 0, 0x0b, 0, 0x04, 0x04, 0x72, 0, 0, 0, 0x10,
				    0, 0x18, 0, 0x0b, 0, 0x03, 0,    0x10, 0, 0, 0, 0 };

uint32_t turn_ecc_primary(struct link *l, uint32_t *ret_handle)
{
	return primary(l, BYTES(ecc_area, sizeof ecc_area), ret_handle);
}

uint32_t turn_ecc_point(struct link *l, uint8_t ret[64])
{
	SCOPED(buf) response = { 0 };
	uint32_t rc = make_primary(l, BYTES(ecc_area, sizeof ecc_area), &response);

	if (rc != TPM2_RC_SUCCESS || response.n < Y_AT + 32)
		return rc ? rc : TURN_LINK_FAILED;
	memcpy(ret, response.p + X_AT, 32);
	memcpy(ret + 32, response.p + Y_AT, 32);
	return turn_flush(l, number_at(&response, OUTPUT_AT));
}

uint32_t turn_rsa_primary(struct link *l, uint32_t *ret_handle)
{
	/* the same of RSA-2048 for decryption, no scheme */
	static const uint8_t area[] = { 0,    0x01, 0,	  0x0b, 0, 0x02, 0x04, 0x72, 0, 0, 0,
					0x10, 0,    0x10, 8,	0, 0,	 0,    0,    0, 0, 0 };

	return primary(l, BYTES(area, sizeof area), ret_handle);
}

uint32_t turn_flush(struct link *l, uint32_t handle)
{
	SCOPED(buf) p = { 0 };

	buf_add_u32(&p, handle);
	return run_only(l, &(struct turn_command) { .code = TPM2_CC_FlushContext,
						    .params = buf_bytes(&p) });
}

uint32_t turn_keep(struct link *l, uint32_t handle)
{
	SCOPED(buf) p = { 0 };

	buf_add_u32(&p, TURN_KEPT);
	return run_only(l, &(struct turn_command) { .code = TPM2_CC_EvictControl,
						    .handle = { OWNER, handle },
						    .handles = 2,
						    .auths = 1,
						    .params = buf_bytes(&p),
						    .durable = true });
}

static struct turn_command sign_of(uint32_t key, struct buf *p)
{
	static const uint8_t hash[32] = { 1, 2, 3 };

	buf_add(p, BYTES("\0\x20", 2));
	buf_add(p, BYTES(hash, sizeof hash));
	buf_add(p, BYTES("\0\x10", 2));			  /* the key's scheme */
	buf_add(p, BYTES("\x80\x24\x40\0\0\x07\0\0", 8)); /* no ticket */
	return (struct turn_command) { .code = TPM2_CC_Sign,
				       .handle = { key },
				       .handles = 1,
				       .auths = 1,
				       .params = buf_bytes(p) };
}

void turn_sign_bytes(uint32_t key, struct buf *ret)
{
	SCOPED(buf) p = { 0 };
	const struct turn_command c = sign_of(key, &p);

	turn_bytes(&c, ret);
}

uint32_t turn_sign(struct link *l, uint32_t key)
{
	SCOPED(buf) p = { 0 };
	const struct turn_command c = sign_of(key, &p);

	return run_only(l, &c);
}

uint32_t turn_decrypt_nonsense(struct link *l, uint32_t key)
{
	static const uint8_t nonsense[256] = { 1, 2, 3 };
	SCOPED(buf) p = { 0 };

	buf_add(&p, BYTES("\x01\0", 2));
	buf_add(&p, BYTES(nonsense, sizeof nonsense));
	buf_add(&p, BYTES("\0\x15\0\0", 4)); /* RSAES; no label */
	return run_only(l, &(struct turn_command) { .code = TPM2_CC_RSA_Decrypt,
						    .handle = { key },
						    .handles = 1,
						    .auths = 1,
						    .params = buf_bytes(&p) });
}
