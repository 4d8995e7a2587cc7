/*
 * fuzz_tpm_answer - a TPM that answers with what the fuzzer likes: every function of cmd.h, root.h
 * and resident.h comes back, nothing is read past its end, nothing leaks.
 *
 * An input begins with which function is called and how the TPM is spoken to.  Then each answer is
 * one byte of manner, one of length (two if the manner has its highest bit) and its content: a
 * whole response, an error, a lost connection, or the parameters of a response that is in good
 * order otherwise, so that what reads them is reached.  When the input ends the connection is lost.
 */
#include <string.h>

#include "base/own.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tpm/link/kinds.h"
#include "tpm/talk/commands.h"
#include "tpm/talk/resident.h"
#include "tpm/talk/root.h"
#include "tpm/talk/session.h"

#define KEY	0x80000001u
#define INDEX	0x01800001u
#define HEADER	10
#define LONGEST 4000

/* ---- the TPM ---- */

static struct bytes input;
static unsigned begun;
static bool in_good_order_has_area; /* the command had sessions: its answer has */

static size_t take_length(bool is_long)
{
	size_t n = input_u8(&input);

	return is_long ? (n << 8 | input_u8(&input)) % LONGEST : n;
}

static void head(struct buf *b, uint16_t tag, size_t n, uint32_t rc)
{
	wire_add_u16(b, tag);
	buf_add_u32(b, (uint32_t)(HEADER + n));
	buf_add_u32(b, rc);
}

static void say_raw(struct buf *b, struct bytes x, bool handle)
{
	(void)handle;
	buf_add(b, x);
}

static void say_error(struct buf *b, struct bytes x, bool handle)
{
	uint32_t rc = x.n < 2 ? TPM2_RC_FAILURE : (uint32_t)(x.p[0] << 8 | x.p[1]);

	(void)handle;
	head(b, TPM2_ST_NO_SESSIONS, 0, rc);
}

/* A password's answer behind it, or what would do for a policy session without a key. */
static void say_params(struct buf *b, struct bytes x, bool handle)
{
	static const uint8_t password[] = { 0, 0, 1, 0, 0 };
	const bool area = in_good_order_has_area;
	size_t n = x.n + (area ? 4 + sizeof password : 0) + (handle ? 4 : 0);

	head(b, area ? TPM2_ST_SESSIONS : TPM2_ST_NO_SESSIONS, n, TPM2_RC_SUCCESS);
	if (handle)
		buf_add_u32(b, KEY + 1);
	if (area)
		buf_add_u32(b, (uint32_t)x.n);
	buf_add(b, x);
	if (area)
		buf_add(b, BYTES(password, sizeof password));
}

static void (*const manners[])(struct buf *b, struct bytes x, bool handle) = {
	say_raw, say_error, say_params, say_params, say_params, say_params, say_params, say_params,
};

/* RETRY and its like are waited for: not here. */
static void never_again(struct buf *b)
{
	struct bytes in = b->n < HEADER ? BYTES_NONE : BYTES(b->p + 6, 4);
	uint32_t rc;

	if (read_u32(&in, &rc) == INRO_OK && rc_is_again(rc))
		b->p[8] ^= 1;
}

static enum inro_err fuzz_talk(struct link *l, struct bytes command, bool durable, struct buf *ret)
{
	uint8_t manner = input_u8(&input), x[LONGEST];
	size_t n = take_length(manner & 0x80);
	struct bytes in = BYTES(command.p + 6, command.n - 6);
	const struct command_row *row;
	uint32_t cc = 0;

	(void)l, (void)durable;
	FUZZ_REQUIRE(begun == 1 && command.n >= HEADER && read_u32(&in, &cc) == INRO_OK);
	row = command_row(cc);
	FUZZ_REQUIRE(row != NULL);
	if (input.n == 0)
		return err_set(INRO_E_IO, "the input ends");
	input_take(&input, x, n);
	in_good_order_has_area = command.p[1] == 2;
	manners[manner % ARRAY_LEN(manners)](ret, BYTES(x, n), row->flags & CMD_HANDLE_OUT);
	never_again(ret);
	return link_check_response(buf_bytes(ret));
}

static enum inro_err fuzz_make(struct bytes rest, const char *home, struct link **ret)
{
	struct link *l = calloc(1, sizeof *l);

	(void)rest, (void)home;
	FUZZ_REQUIRE(l != NULL);
	link_init(l, link_extra);
	*ret = l;
	return INRO_OK;
}

static void fuzz_free(struct link *l)
{
	free(l);
}

static enum inro_err fuzz_begin(struct link *l)
{
	atomic_fetch_add(&l->epoch, 1);
	begun++;
	return INRO_OK;
}

static void fuzz_end(struct link *l)
{
	(void)l;
	begun--;
}

static const struct link_kind fuzz_kind = { .scheme = "fuzz",
					    .embedded = true, /* passwords may be used */
					    .make = fuzz_make,
					    .free = fuzz_free,
					    .begin = fuzz_begin,
					    .end = fuzz_end,
					    .talk = fuzz_talk };

/* ---- what is called ---- */

static const uint8_t name[34] = { 0, 11, 1 };
static const struct tpm_ref key = { KEY, { name, sizeof name } };
static const struct tpm_ref nv = { INDEX, { name, sizeof name } };
static const struct bytes some = BYTES_LIT("0123456789abcdef0123456789abcdef");
static const struct tpm_auth by = { .by = BY_AUTH, .value = BYTES_LIT("auth") };
static const TPMT_SIG_SCHEME ecdsa = { .scheme = TPM2_ALG_ECDSA,
				       .details.ecdsa.hashAlg = TPM2_ALG_SHA256 };
static const TPMT_PUBLIC area = {
	.type = TPM2_ALG_KEYEDHASH,
	.nameAlg = TPM2_ALG_SHA256,
	.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
};
static const struct new_object sealed = { .template = &area };

static void call_capability(struct tpm *t)
{
	TPMS_CAPABILITY_DATA ret;

	(void)!cmd_capability(t, TPM2_CAP_ALGS, 0, 10, &ret);
}

static void call_random(struct tpm *t)
{
	uint8_t out[80];

	(void)!cmd_random(t, out, sizeof out);
}

static void call_pcr_read(struct tpm *t)
{
	static const TPML_PCR_SELECTION which = {
		.count = 1, .pcrSelections = { { TPM2_ALG_SHA256, 3, { 0xff, 0xff, 0xff } } }
	};
	TPM2B_DIGEST ret;

	(void)!cmd_pcr_read(t, &which, &ret);
}

static void call_create_primary(struct tpm *t)
{
	const struct new_object what = { .template = &area, .auth = some };
	uint32_t handle;
	TPM2B_PUBLIC pub;

	(void)!cmd_create_primary(t, TPM2_RH_OWNER, some, &what, &handle, &pub);
}

static void call_create(struct tpm *t)
{
	SCOPED(blob) ret = { 0 };

	(void)!cmd_create(t, &key, some, &sealed, &ret);
}

static void call_load_external(struct tpm *t)
{
	uint32_t handle;

	(void)!cmd_load_external(t, &area, &handle);
}

static void call_read_public(struct tpm *t)
{
	TPM2B_PUBLIC pub;
	TPM2B_NAME ret;

	(void)!cmd_read_public(t, KEY, &pub, &ret);
}

static void call_context(struct tpm *t)
{
	SCOPED(buf) ret = { 0 };
	uint32_t handle;

	(void)!cmd_context_save(t, KEY, &ret);
	(void)!cmd_context_load(t, some, &handle);
}

static void call_change_auth(struct tpm *t)
{
	SCOPED(buf) ret = { 0 };

	(void)!cmd_object_change_auth(t, &key, some, &key, some, &ret);
}

static void call_import(struct tpm *t)
{
	SCOPED(buf) ret = { 0 };
	SCOPED(duplicate) d = { 0 };

	buf_add(&d.pub, some);
	buf_add(&d.duplicate, some);
	buf_add(&d.seed, some);
	(void)!cmd_import(t, &key, some, &d, &ret);
}

static void call_duplicate(struct tpm *t)
{
	SCOPED(duplicate) ret = { 0 };

	(void)!cmd_duplicate(t, &key, &by, &key, &ret);
}

static void call_unseal(struct tpm *t)
{
	SCOPED(secret) ret = { 0 };

	(void)!cmd_unseal(t, &key, &by, &ret);
}

static void call_sign(struct tpm *t)
{
	TPMT_SIGNATURE sig;

	(void)!cmd_sign(t, &key, some, some, &ecdsa, &sig);
}

static void call_rsa_decrypt(struct tpm *t)
{
	static const TPMT_RSA_DECRYPT scheme = { .scheme = TPM2_ALG_RSAES };
	const struct rsa_ciphertext what = { .octets = some, .scheme = &scheme };
	SCOPED(secret) ret = { 0 };

	(void)!cmd_rsa_decrypt(t, &key, some, &what, &ret);
}

static void call_zgen(struct tpm *t)
{
	static const TPMS_ECC_POINT peer = { .x.size = 32, .y.size = 32 };
	TPMS_ECC_POINT ret;

	(void)!cmd_ecdh_zgen(t, &key, some, &peer, &ret);
}

static void call_hmac(struct tpm *t)
{
	TPM2B_DIGEST ret;
	uint32_t sequence = KEY;

	(void)!cmd_hmac(t, &key, some, TPM2_ALG_SHA256, some, &ret);
	(void)!cmd_hmac_start(t, &key, some, some, TPM2_ALG_SHA256, &sequence);
	(void)!cmd_sequence_update(t, sequence, some, some);
	(void)!cmd_sequence_complete(t, sequence, some, some, &ret);
}

static void call_cipher(struct tpm *t)
{
	uint8_t out[32];
	struct cipher_step step = {
		.mode = TPM2_ALG_CBC, .in = some, .out = out, .cap = sizeof out
	};
	size_t n = 0;

	if (cmd_encrypt_decrypt(t, &key, some, &step, &n) == INRO_OK)
		FUZZ_REQUIRE(n <= sizeof out);
}

static void policy_steps(struct tpm *t, struct tpm_session *s)
{
	static const TPML_DIGEST branches = { .count = 2,
					      .digests = { { .size = 32 }, { .size = 32 } } };
	struct tpm_auth policy = { .by = BY_POLICY, .policy = s, .value = some, .last = true };
	SCOPED(secret) ret = { 0 };

	(void)!cmd_policy_secret(t, &nv, some, s);
	(void)!cmd_policy_command(t, s, TPM2_CC_Sign);
	(void)!cmd_policy_or(t, s, &branches);
	(void)!cmd_policy_auth_value(t, s);
	(void)!cmd_unseal(t, &key, &policy, &ret);
}

static void call_policy(struct tpm *t)
{
	struct tpm_session *s;

	if (session_policy(t, &s))
		return;
	policy_steps(t, s);
	session_end(t, s);
}

static void call_nv(struct tpm *t)
{
	static const TPMS_NV_PUBLIC pub = { .nvIndex = INDEX,
					    .nameAlg = TPM2_ALG_SHA256,
					    .dataSize = 8 };
	SCOPED(buf) ret = { 0 };

	(void)!cmd_nv_define(t, some, some, &pub);
	(void)!cmd_nv_read(t, &nv, &by, &nv, 600, &ret);
	(void)!cmd_nv_write(t, &nv, &by, &nv, some);
	(void)!cmd_nv_undefine(t, some, &nv);
}

static void call_nv_read(struct tpm *t)
{
	SCOPED(buf) ret = { 0 };

	if (cmd_nv_read(t, &nv, &by, &nv, 600, &ret) == INRO_OK)
		FUZZ_REQUIRE(ret.n == 600);
}

static void call_nv_read_public(struct tpm *t)
{
	TPMS_NV_PUBLIC pub;
	TPM2B_NAME ret;

	(void)!cmd_nv_read_public(t, INDEX, &pub, &ret);
}

static void call_certify(struct tpm *t)
{
	const struct certify what = {
		.object = &key, .object_auth = some, .by = &key, .by_auth = some, .nonce = some
	};
	SCOPED(buf) attest = { 0 };
	TPMT_SIGNATURE sig;

	(void)!cmd_certify(t, &what, &attest, &sig);
}

static void call_activate(struct tpm *t)
{
	const struct credential_blob what = { .object = &key,
					      .object_auth = some,
					      .ek = &key,
					      .ek_policy = &by,
					      .id_object = some,
					      .secret = some };
	SCOPED(secret) ret = { 0 };

	(void)!cmd_activate_credential(t, &what, &ret);
}

static void call_root(struct tpm *t)
{
	const struct root *root;

	(void)!root_settle(t, &root);
}

static void call_ek(struct tpm *t)
{
	SCOPED(buf) certificates = { 0 };
	struct ek ek;

	if (root_ek(t, &ek))
		return;
	(void)!root_ek_certificates(t, &ek, &certificates);
	root_ek_end(t, &ek);
}

static void call_caps(struct tpm *t)
{
	struct caps ret;

	if (caps_read(t, &ret))
		return;
	FUZZ_REQUIRE(memchr(ret.maker, 0, sizeof ret.maker) != NULL);
	FUZZ_REQUIRE(memchr(ret.model, 0, sizeof ret.model) != NULL);
}

static enum inro_err step(struct tpm *t, const struct tpm_ref *object, void *arg)
{
	TPMT_SIGNATURE sig;

	(void)arg;
	return cmd_sign(t, object, some, some, &ecdsa, &sig);
}

/* It takes the turn itself. */
static void call_resident(struct tpm *t)
{
	TPM2B_PUBLIC pub = { .publicArea = area };
	struct blob b = { 0 };
	struct resident *r;

	wire_add_public(&b.pub, &pub);
	wire_add_2b(&b.priv, some);
	FUZZ_REQUIRE(resident_new(t, &b, &r) == INRO_OK);
	tpm_leave(t);
	(void)!resident_do(r, 0, step, NULL);
	resident_free(r);
	FUZZ_REQUIRE(tpm_enter(t) == INRO_OK);
}

static void (*const calls[])(struct tpm *t) = {
	call_capability,
	call_random,
	call_pcr_read,
	call_create_primary,
	call_create,
	call_load_external,
	call_read_public,
	call_context,
	call_change_auth,
	call_import,
	call_duplicate,
	call_unseal,
	call_sign,
	call_rsa_decrypt,
	call_zgen,
	call_hmac,
	call_cipher,
	call_policy,
	call_nv,
	call_nv_read,
	call_nv_read_public,
	call_certify,
	call_activate,
	call_root,
	call_ek,
	call_caps,
	call_resident,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tpm_words w = { .tcti = bytes_of("fuzz:"), .home = "/nowhere" };
	struct tpm *t;
	uint8_t what;

	input = BYTES(data, size);
	begun = 0;
	what = input_u8(&input);
	w.how = input_u8(&input) & 1 ? TPM_BY_PASSWORD : TPM_BY_HMAC;
	link_extra = &fuzz_kind;
	FUZZ_REQUIRE(tpm_get(&w, &t) == INRO_OK);
	FUZZ_REQUIRE(tpm_enter(t) == INRO_OK);
	calls[what % ARRAY_LEN(calls)](t);
	tpm_leave(t);
	tpm_unref(t);
	FUZZ_REQUIRE(begun == 0);
	return 0;
}
