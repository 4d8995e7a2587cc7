/* embedded_chip - libtpms behind three calls: on, command, off. */
#include "tpm/link/embedded_chip.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <openssl/rand.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <libtpms/tpm_nvfilename.h>

#include "base/forkgate.h"
#include "base/secret.h"
#include "tpm/link/link.h"
#include "tpm/wire/crypt.h"

#define LIBRARY "libtpms.so.0"
#define RC_AT	6 /* of a response: after tag and size */

static struct {
	uint32_t (*version)(void);
	TPM_RESULT (*choose)(TPMLIB_TPMVersion version);
	TPM_RESULT (*callbacks)(struct libtpms_callbacks *c);
	void (*log_to)(int fd);
	TPM_RESULT (*init)(void);
	void (*terminate)(void);
	TPM_RESULT(*process)
	(unsigned char **response, uint32_t *n, uint32_t *cap, unsigned char *command,
	 uint32_t command_n);
} tpmlib;

/* dlsym() gives a pointer to no particular type. */
static const struct symbol {
	const char *name;
	void *into;
} symbols[] = {
	{ "TPMLIB_GetVersion", &tpmlib.version },
	{ "TPMLIB_ChooseTPMVersion", &tpmlib.choose },
	{ "TPMLIB_RegisterCallbacks", &tpmlib.callbacks },
	{ "TPMLIB_SetDebugFD", &tpmlib.log_to },
	{ "TPMLIB_MainInit", &tpmlib.init },
	{ "TPMLIB_Terminate", &tpmlib.terminate },
	{ "TPMLIB_Process", &tpmlib.process },
};

static struct {
	bool loaded, on;
	struct bytes state;	   /* what it is switched on with */
	struct buf kept;	   /* what it stored since it was last asked */
	uint8_t input[LINK_BYTES]; /* the library decrypts parameters in place */
	unsigned char *response;   /* the library's */
	uint32_t response_cap;
} chip = { .kept = { .secret = true } };

static TPM_RESULT nv_init(void)
{
	return TPM_SUCCESS;
}

/* A new TPM is made, stored, and loaded as any other. */
static TPM_RESULT nv_load(unsigned char **data, uint32_t *length, uint32_t number, const char *name)
{
	struct bytes is = chip.kept.n ? buf_bytes(&chip.kept) : chip.state;

	(void)number;
	if (is.n == 0 || strcmp(name, TPM_PERMANENT_ALL_NAME) != 0)
		return TPM_RETRY; /* there is none */
	*data = malloc(is.n);
	if (!*data)
		return TPM_SIZE;
	memcpy(*data, is.p, is.n);
	*length = (uint32_t)is.n;
	return TPM_SUCCESS;
}

static TPM_RESULT nv_store(const unsigned char *data, uint32_t length, uint32_t number,
			   const char *name)
{
	(void)number;
	if (strcmp(name, TPM_PERMANENT_ALL_NAME) != 0)
		return TPM_SUCCESS; /* volatile state is not kept */
	buf_reset(&chip.kept);
	buf_add(&chip.kept, BYTES(data, length));
	return chip.kept.err ? TPM_FAIL : TPM_SUCCESS;
}

static TPM_RESULT nv_delete(uint32_t number, const char *name, TPM_BOOL must_exist)
{
	(void)number;
	(void)name;
	(void)must_exist;
	return TPM_SUCCESS;
}

/* Nothing is freed: nobody knows in which moment of a command the fork was. */
void chip_forget(void)
{
	chip.on = false;
	chip.kept = (struct buf) { .secret = true };
	chip.response = NULL;
	chip.response_cap = 0;
}

static enum inro_err find_symbols(void *library)
{
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
		void *found = dlsym(library, symbols[i].name);

		if (!found)
			return err_set(INRO_E_CONFIG,
				       "the embedded TPM: " LIBRARY " has no %s; a libtpms of "
				       "0.7 or later is wanted",
				       symbols[i].name);
		memcpy(symbols[i].into, &found, sizeof found);
	}
	return INRO_OK;
}

static enum inro_err set_up(void)
{
	static struct libtpms_callbacks c = {
		.sizeOfStruct = sizeof c,
		.tpm_nvram_init = nv_init,
		.tpm_nvram_loaddata = nv_load,
		.tpm_nvram_storedata = nv_store,
		.tpm_nvram_deletename = nv_delete,
	};

	if (tpmlib.choose(TPMLIB_TPM_VERSION_2) || tpmlib.callbacks(&c))
		return err_set(INRO_E_CONFIG, "the embedded TPM: " LIBRARY " has no TPM 2.0");
	tpmlib.log_to(INT_MAX); /* nowhere: it would show commands, and passwords in them */
	chip.loaded = true;
	return INRO_OK;
}

static enum inro_err load(void)
{
	void *library;
	enum inro_err e;

	if (chip.loaded)
		return INRO_OK;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_set(INRO_E_CONFIG,
			       "the embedded TPM needs " LIBRARY " (Debian: apt install libtpms0): "
			       "%s",
			       dlerror());
	e = find_symbols(library);
	return e ? e : set_up();
}

/* A turn inside the library: in our library context and, when it is short, where nobody forks. */
struct visit {
	OSSL_LIB_CTX *before;
	bool gated;
};

static enum inro_err visit_begin(bool brief, struct visit *ret)
{
	OSSL_LIB_CTX *ours = NULL;
	enum inro_err e = crypt_context(&ours);

	if (e)
		return e;
	if (brief)
		fork_gate_enter();
	*ret = (struct visit) { .before = OSSL_LIB_CTX_set0_default(ours), .gated = brief };
	return INRO_OK;
}

static void visit_end(struct visit v)
{
	OSSL_LIB_CTX_set0_default(v.before);
	if (v.gated)
		fork_gate_leave();
}

void chip_off(void)
{
	struct visit v;

	if (chip.on && visit_begin(true, &v) == INRO_OK) {
		tpmlib.terminate();
		visit_end(v);
	}
	chip.on = false;
	buf_reset(&chip.kept);
}

bool chip_is_on(void)
{
	return chip.on;
}

static const uint32_t slow[] = { TPM2_CC_Create, TPM2_CC_CreatePrimary, TPM2_CC_CreateLoaded,
				 TPM2_CC_SelfTest, TPM2_CC_IncrementalSelfTest };

static bool is_brief(struct bytes command)
{
	struct bytes rest = command, head;
	uint32_t code;

	if (read_bytes(&rest, RC_AT, &head) || read_u32(&rest, &code))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(slow); i++)
		if (code == slow[i])
			return false;
	return true;
}

static TPM_RESULT process(struct bytes command, struct buf *ret_response)
{
	uint32_t n = 0;
	TPM_RESULT r;

	memcpy(chip.input, command.p, command.n);
	r = tpmlib.process(&chip.response, &n, &chip.response_cap, chip.input, (uint32_t)command.n);
	wipe(chip.input, command.n);
	if (r)
		return r;
	buf_add(ret_response, BYTES(chip.response, n));
	wipe(chip.response, n);
	return TPM_SUCCESS;
}

static uint32_t rc_of(const struct buf *response)
{
	struct bytes rest = buf_bytes(response), head;
	uint32_t rc;

	if (read_bytes(&rest, RC_AT, &head) || read_u32(&rest, &rc))
		return TPM2_RC_FAILURE;
	return rc;
}

static enum inro_err run(struct bytes command, struct buf *ret_response)
{
	struct visit v;
	TPM_RESULT r;
	enum inro_err e = visit_begin(is_brief(command), &v);

	if (e)
		return e;
	r = process(command, ret_response);
	visit_end(v);
	if (r)
		e = err_set(INRO_E_IO, "the embedded TPM: libtpms failed (0x%x)", r);
	else
		e = buf_err(ret_response);
	return e ? e : buf_err(&chip.kept);
}

/* What was stored since, to the caller. */
static void hand_over(struct buf *ret_kept)
{
	struct buf kept = chip.kept;

	if (kept.n == 0)
		return;
	chip.kept = (struct buf) { .secret = true };
	buf_clear(ret_kept);
	*ret_kept = kept;
}

/* RC_FAILURE is also said of an RSA ciphertext that is none: only another command tells whether the
 * TPM is in failure mode, out of which there is no way but a reset. */
static bool has_failed(const struct buf *response)
{
	static const uint8_t read_clock[] = { 0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x81 };
	SCOPED(buf) answer = { 0 };

	if (rc_of(response) != TPM2_RC_FAILURE)
		return false;
	return run(BYTES(read_clock, sizeof read_clock), &answer) != INRO_OK ||
	       rc_of(&answer) == TPM2_RC_FAILURE;
}

enum inro_err chip_command(struct bytes command, struct buf *ret_response, struct buf *ret_kept)
{
	enum inro_err e;

	if (command.n > LINK_BYTES)
		return err_set(INRO_E_TOO_BIG, "a TPM command of %zu bytes", command.n);
	e = run(command, ret_response);
	if (!e)
		hand_over(ret_kept);
	if (e || has_failed(ret_response))
		chip_off();
	return e;
}

static enum inro_err startup(void)
{
	static const uint8_t clear[] = { 0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0 };
	SCOPED(buf) response = { 0 };
	enum inro_err e = run(BYTES(clear, sizeof clear), &response);

	if (!e && rc_of(&response) != TPM2_RC_SUCCESS)
		e = err_set(INRO_E_IO, "the embedded TPM: TPM2_Startup failed (0x%x)",
			    rc_of(&response));
	return e;
}

/* The library makes its keys of RAND_bytes() and doesn't look whether that gave anything.  What can
 * fail in it does so at the first call of a thread. */
static enum inro_err check_random(void)
{
	unsigned char some[4];

	if (RAND_bytes(some, sizeof some) == 1)
		return INRO_OK;
	return err_set(INRO_E_CRYPTO, "the embedded TPM: libcrypto has no random numbers for it");
}

static enum inro_err init(void)
{
	struct visit v;
	TPM_RESULT r;
	enum inro_err e = visit_begin(true, &v);

	if (e)
		return e;
	e = check_random();
	if (e) {
		visit_end(v);
		return e;
	}
	r = tpmlib.init();
	chip.on = true; /* also half: to be terminated */
	visit_end(v);
	if (r)
		return err_set(INRO_E_VERSION,
			       "the embedded TPM: libtpms %u.%u does not take the state (0x%x): "
			       "did a later libtpms write it?",
			       tpmlib.version() >> 16, tpmlib.version() >> 8 & 0xff, r);
	return INRO_OK;
}

enum inro_err chip_on(struct bytes state, struct buf *ret_kept)
{
	enum inro_err e = load();

	if (e)
		return e;
	chip_off();
	chip.state = state;
	e = init();
	if (!e)
		e = startup();
	chip.state = BYTES_NONE;
	if (e)
		chip_off();
	else if (state.n == 0)
		hand_over(ret_kept);
	buf_reset(&chip.kept);
	return e;
}
