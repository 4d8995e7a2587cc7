/* fuzz_tpm_cmd - a TPM with ill will: the first byte chooses a command, the rest are the parameters
 * of the answer to it, whatever they are. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "tpm/link/kinds.h"
#include "tpm/talk/commands.h"
#include "tpm/talk/resident.h"
#include "tpm/talk/root.h"
#include "tpm/talk/session.h"

#define HANDLE 0x80000000u

static struct bytes said; /* the parameters of every answer */

/* ---- the TPM ---- */

static enum inro_err ill_make(struct bytes rest, const char *home, struct link **ret)
{
	struct link *l = calloc(1, sizeof *l);

	(void)rest, (void)home;
	FUZZ_REQUIRE(l != NULL);
	link_init(l, link_extra);
	*ret = l;
	return INRO_OK;
}

static void ill_free(struct link *l)
{
	free(l);
}

static enum inro_err ill_begin(struct link *l)
{
	(void)l;
	return INRO_OK;
}

static void ill_end(struct link *l)
{
	(void)l;
}

/* Everything around the parameters is as it should be: what is in them is what is tried. */
static enum inro_err ill_talk(struct link *l, struct bytes command, bool durable, struct buf *ret)
{
	uint32_t cc = (uint32_t)command.p[8] << 8 | command.p[9];
	const struct command_row *row = command_row(cc);
	bool sessions = command.p[0] == 0x80 && command.p[1] == 0x02;
	size_t n = said.n < 3000 ? said.n : 3000;

	(void)l, (void)durable;
	buf_add(ret, BYTES(command.p, 2));
	buf_add_u32(ret, 0);
	buf_add_u32(ret, 0);
	if (row->flags & CMD_HANDLE_OUT)
		buf_add_u32(ret, HANDLE);
	if (sessions)
		buf_add_u32(ret, (uint32_t)n);
	buf_add(ret, BYTES(said.p, n));
	for (size_t i = 0; sessions && i < row->auths; i++)
		buf_add(ret, BYTES("\0\0\1\0\0", 5));
	FUZZ_REQUIRE(buf_err(ret) == INRO_OK);
	ret->p[4] = (uint8_t)(ret->n >> 8);
	ret->p[5] = (uint8_t)ret->n;
	return INRO_OK;
}

static const struct link_kind ill = {
	.scheme = "ill",
	.embedded = true,
	.make = ill_make,
	.free = ill_free,
	.begin = ill_begin,
	.end = ill_end,
	.talk = ill_talk,
};

/* ---- commands ---- */

static const struct tpm_ref key = { .handle = HANDLE, .name = BYTES_LIT("a name") };
static const struct tpm_ref owner = { .handle = TPM2_RH_OWNER };
static const struct tpm_auth by = { .by = BY_AUTH };
static const TPMT_PUBLIC template = {
	.type = TPM2_ALG_KEYEDHASH,
	.nameAlg = TPM2_ALG_SHA256,
	.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
};

/* Of whatever was read. */
static uint8_t checked;
static void use(struct bytes x)
{
	for (size_t i = 0; i < x.n; i++)
		checked ^= x.p[i];
}

static enum inro_err capability(struct tpm *t)
{
	TPMS_CAPABILITY_DATA x;

	return cmd_capability(t, TPM2_CAP_HANDLES, 0, 8, &x);
}

static enum inro_err random_bytes(struct tpm *t)
{
	uint8_t out[32];

	return cmd_random(t, out, sizeof out);
}

static enum inro_err pcr_read(struct tpm *t)
{
	const TPML_PCR_SELECTION which = {
		.count = 1,
		.pcrSelections = { { .hash = TPM2_ALG_SHA256,
				     .sizeofSelect = 3,
				     .pcrSelect = { 0xff, 0xff } } },
	};
	TPM2B_DIGEST x;

	return cmd_pcr_read(t, &which, &x);
}

static enum inro_err create_primary(struct tpm *t)
{
	uint32_t handle;
	TPM2B_PUBLIC pub;

	return cmd_create_primary(t, TPM2_RH_OWNER, BYTES_NONE, BYTES_NONE, &template, &handle,
				  &pub);
}

static enum inro_err create(struct tpm *t)
{
	const struct new_object what = { .template = &template };
	SCOPED(blob) b = { 0 };
	enum inro_err e = cmd_create(t, &key, BYTES_NONE, &what, &b);

	use(buf_bytes(&b.pub));
	use(buf_bytes(&b.priv));
	return e;
}

static enum inro_err read_public(struct tpm *t)
{
	TPM2B_PUBLIC pub;
	TPM2B_NAME name;
	enum inro_err e = cmd_read_public(t, HANDLE, &pub, &name);

	if (!e)
		use(BYTES(name.name, name.size));
	return e;
}

static enum inro_err context_save(struct tpm *t)
{
	SCOPED(buf) x = { 0 };

	return cmd_context_save(t, HANDLE, &x);
}

static enum inro_err object_change_auth(struct tpm *t)
{
	SCOPED(buf) x = { 0 };

	return cmd_object_change_auth(t, &key, BYTES_NONE, &key, BYTES_NONE, &x);
}

static enum inro_err duplicate(struct tpm *t)
{
	SCOPED(duplicate) d = { 0 };

	return cmd_duplicate(t, &key, &by, &key, &d);
}

static enum inro_err unseal(struct tpm *t)
{
	SCOPED(secret) x = { 0 };
	enum inro_err e = cmd_unseal(t, &key, &by, &x);

	use(secret_bytes(&x));
	return e;
}

static enum inro_err sign(struct tpm *t)
{
	const TPMT_SIG_SCHEME how = { .scheme = TPM2_ALG_NULL };
	TPMT_SIGNATURE x;

	return cmd_sign(t, &key, BYTES_NONE, BYTES_NONE, &how, &x);
}

static enum inro_err rsa_decrypt(struct tpm *t)
{
	const TPMT_RSA_DECRYPT how = { .scheme = TPM2_ALG_NULL };
	SCOPED(secret) x = { 0 };
	enum inro_err e = cmd_rsa_decrypt(t, &key, BYTES_NONE, BYTES_NONE, &how, BYTES_NONE, &x);

	use(secret_bytes(&x));
	return e;
}

static enum inro_err zgen(struct tpm *t)
{
	const TPMS_ECC_POINT peer = { .x.size = 1, .y.size = 1 };
	TPMS_ECC_POINT x;
	enum inro_err e = cmd_ecdh_zgen(t, &key, BYTES_NONE, &peer, &x);

	if (!e)
		use(BYTES(x.x.buffer, x.x.size));
	return e;
}

static enum inro_err hmac(struct tpm *t)
{
	TPM2B_DIGEST x;
	enum inro_err e = cmd_hmac(t, &key, BYTES_NONE, TPM2_ALG_SHA256, BYTES_NONE, &x);

	if (!e)
		use(BYTES(x.buffer, x.size));
	return e;
}

static enum inro_err sequence_complete(struct tpm *t)
{
	TPM2B_DIGEST x;

	return cmd_sequence_complete(t, HANDLE, BYTES_NONE, BYTES_NONE, &x);
}

static enum inro_err encrypt_decrypt(struct tpm *t)
{
	struct cipher_step step = { .mode = TPM2_ALG_CBC, .in = BYTES_LIT("0123456789abcdef") };
	uint8_t out[16];
	size_t n = 0;
	enum inro_err e = cmd_encrypt_decrypt(t, &key, BYTES_NONE, &step, out, sizeof out, &n);

	FUZZ_REQUIRE(n <= sizeof out);
	return e;
}

static enum inro_err policy(struct tpm *t)
{
	struct session *s = NULL;
	enum inro_err e = session_policy(t, &s);

	if (!e)
		e = cmd_policy_secret(t, &owner, BYTES_NONE, s);
	session_end(t, s);
	return e;
}

static enum inro_err nv_read_public(struct tpm *t)
{
	TPMS_NV_PUBLIC pub;
	TPM2B_NAME name;

	return cmd_nv_read_public(t, 0x01804900, &pub, &name);
}

static enum inro_err nv_read(struct tpm *t)
{
	SCOPED(buf) x = { 0 };
	enum inro_err e = cmd_nv_read(t, &key, &by, &key, 8, &x);

	FUZZ_REQUIRE(e || x.n == 8);
	return e;
}

static enum inro_err certify(struct tpm *t)
{
	SCOPED(buf) attest = { 0 };
	TPMT_SIGNATURE sig;

	return cmd_certify(t, &key, BYTES_NONE, &key, BYTES_NONE, BYTES_NONE, &attest, &sig);
}

static enum inro_err activate(struct tpm *t)
{
	SCOPED(secret) x = { 0 };

	return cmd_activate_credential(t, &key, BYTES_NONE, &key, &by, BYTES_NONE, BYTES_NONE, &x);
}

static enum inro_err storage_root(struct tpm *t)
{
	const struct root *root;

	return root_get(t, &root);
}

static enum inro_err endorsement_key(struct tpm *t)
{
	SCOPED(buf) certificates = { 0 };
	struct ek ek;
	enum inro_err e = root_ek(t, &ek);

	if (e)
		return e;
	e = root_ek_certificates(t, &ek, &certificates);
	root_ek_end(t, &ek);
	return e;
}

static enum inro_err caps(struct tpm *t)
{
	struct caps x;

	return caps_read(t, &x);
}

static enum inro_err (*const tries[])(struct tpm *) = {
	capability,
	random_bytes,
	pcr_read,
	create_primary,
	create,
	read_public,
	context_save,
	object_change_auth,
	duplicate,
	unseal,
	sign,
	rsa_decrypt,
	zgen,
	hmac,
	sequence_complete,
	encrypt_decrypt,
	policy,
	nv_read_public,
	nv_read,
	certify,
	activate,
	storage_root,
	endorsement_key,
	caps,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tpm_words words = { .tcti = BYTES_LIT("ill:"), .home = "/", .how = TPM_BY_PASSWORD };
	struct tpm *t = NULL;

	if (size < 1)
		return 0;
	link_extra = &ill;
	said = BYTES(data + 1, size - 1);
	FUZZ_REQUIRE(tpm_get(&words, &t) == INRO_OK);
	FUZZ_REQUIRE(tpm_enter(t) == INRO_OK);
	if (tries[data[0] % ARRAY_LEN(tries)](t))
		err_reset();
	tpm_leave(t);
	tpm_unref(t);
	return 0;
}
