/*
 * What we add to a P-256 signature of a TPM: tkey_use() against a bare TPM2_Sign through
 * libtss2-sys with a password session, the same key on the same TPM, in turns within one run.
 *
 *   build/check/tests/bench_tpm_sign [SECONDS A WAY]
 *
 * One line a way to the TPM: microseconds of each (median of single signatures), the median of the
 * turns' ratios, and what it should be at most.  Between two turns the connection changes hands: a
 * swtpm has one client at a time.  The bare side loads the key for each of its turns; neither
 * side's loading is measured.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <tss2/tss2_mu.h>
#include <tss2/tss2_sys.h>
#include <tss2/tss2_tcti_swtpm.h>

#include "base/own.h"
#include "pkcs11/token/libctx.h"
#include "tests/bench/bench.h"
#include "tests/lib/scratch.h"
#include "tests/lib/swtpm.h"
#include "tpm/token/tkey.h"
#include "tpm/talk/root.h"

#define TURN	   60 /* signatures */
#define TURNS_MAX  512
#define ROOT	   0x81000001u
#define OUR_MAGIC  0x494e524f00000001ull /* magic of the TCTI in here */
#define RESPONSE_N 4096

static const struct way {
	const char *name;
	bool embedded;
	enum swtpm_way way;
	enum tpm_how how;
	double bar;
} ways[] = {
	{ .name = "libtpms password", .embedded = true, .how = TPM_BY_PASSWORD, .bar = 1.05 },
	{ .name = "libtpms hmac", .embedded = true, .how = TPM_BY_HMAC, .bar = 1.6 },
	{ .name = "swtpm unix hmac", .way = SWTPM_UNIX, .how = TPM_BY_HMAC, .bar = 1.6 },
	{ .name = "swtpm tcp hmac", .way = SWTPM_TCP, .how = TPM_BY_HMAC, .bar = 1.6 },
};

static const uint8_t digest[32] = { 1, 2, 3 };

/* ---- the embedded TPM for libtss2-sys: TPMLIB_Process and nothing around it ---- */

typedef uint32_t (*process_fn)(unsigned char **response, uint32_t *n, uint32_t *cap,
			       unsigned char *command, uint32_t command_n);

struct direct {
	TSS2_TCTI_CONTEXT_COMMON_V1 common;
	process_fn process;
	unsigned char *response;
	uint32_t n, cap;
};

static TSS2_RC direct_transmit(TSS2_TCTI_CONTEXT *context, size_t n, const uint8_t *command)
{
	struct direct *d = (struct direct *)context;
	uint8_t copy[RESPONSE_N];

	bench_need(n <= sizeof copy, "a command that fits");
	memcpy(copy, command, n);
	return d->process(&d->response, &d->n, &d->cap, copy, (uint32_t)n) ? TSS2_TCTI_RC_IO_ERROR
									   : TSS2_RC_SUCCESS;
}

static TSS2_RC direct_receive(TSS2_TCTI_CONTEXT *context, size_t *n, uint8_t *response,
			      int32_t timeout)
{
	struct direct *d = (struct direct *)context;

	(void)timeout;
	if (response && *n < d->n)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	*n = d->n;
	if (response) /* else it is asked how long it is */
		memcpy(response, d->response, d->n);
	return TSS2_RC_SUCCESS;
}

static TSS2_TCTI_CONTEXT *open_direct(void)
{
	void *library = dlopen("libtpms.so.0", RTLD_NOW);
	struct direct *d = calloc(1, sizeof *d);

	bench_need(library && d, "libtpms");
	*d = (struct direct) { .common = { .magic = OUR_MAGIC,
					   .version = 1,
					   .transmit = direct_transmit,
					   .receive = direct_receive } };
	*(void **)&d->process = dlsym(library, "TPMLIB_Process");
	bench_need(d->process != NULL, "TPMLIB_Process");
	return (TSS2_TCTI_CONTEXT *)d;
}

static TSS2_TCTI_CONTEXT *open_swtpm(const char *words)
{
	const char *conf = strchr(words, ':') + 1;
	TSS2_TCTI_CONTEXT *tcti;
	size_t n = 0;

	bench_need(Tss2_Tcti_Swtpm_Init(NULL, &n, conf) == 0, "tcti-swtpm");
	tcti = calloc(1, n);
	bench_need(tcti && Tss2_Tcti_Swtpm_Init(tcti, &n, conf) == 0, "tcti-swtpm");
	return tcti;
}

static void close_tcti(TSS2_TCTI_CONTEXT *tcti)
{
	if (TSS2_TCTI_FINALIZE(tcti))
		Tss2_Tcti_Finalize(tcti);
	else
		free(((struct direct *)tcti)->response);
	free(tcti);
}

/* ---- one way to the TPM ---- */

struct bench {
	const struct way *way;
	struct swtpm *real;
	struct tpm *tpm;
	struct tkey *key;
	TSS2_SYS_CONTEXT *sys;
	uint32_t handle;
	double ours[TURNS_MAX], raw[TURNS_MAX], ratio[TURNS_MAX];
	size_t n;
};

static void sign_ours(struct bench *b)
{
	static const struct use_spec spec = { .mech = CKM_ECDSA };
	const struct use what = { .use = USE_SIGN, .spec = &spec };
	uint8_t sig[64];
	size_t n = 0;

	bench_need(tkey_use(b->key, &what, BYTES(digest, 32), (struct room) { sig, 64 }, &n) ==
			   INRO_OK,
		   "our signature");
}

static TSS2L_SYS_AUTH_COMMAND by_password(struct bytes value)
{
	TSS2L_SYS_AUTH_COMMAND c = { .count = 1 };

	c.auths[0].sessionHandle = TPM2_RS_PW;
	c.auths[0].hmac.size = (UINT16)value.n;
	if (value.n)
		memcpy(c.auths[0].hmac.buffer, value.p, value.n);
	return c;
}

static void sign_raw(struct bench *b)
{
	const TSS2L_SYS_AUTH_COMMAND auth = by_password(tkey_auth(b->key));
	const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_ECDSA,
					 .details.ecdsa.hashAlg = TPM2_ALG_SHA256 };
	const TPMT_TK_HASHCHECK ticket = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	TSS2L_SYS_AUTH_RESPONSE answer = { 0 };
	TPM2B_DIGEST in = { .size = 32 };
	TPMT_SIGNATURE sig;

	memcpy(in.buffer, digest, 32);
	bench_need(Tss2_Sys_Sign(b->sys, b->handle, &auth, &in, &scheme, &ticket, &sig, &answer) ==
			   0,
		   "the bare signature");
}

static void open_raw(struct bench *b)
{
	const TSS2L_SYS_AUTH_COMMAND auth = by_password(BYTES_NONE);
	const struct blob *blob = resident_blob(tkey_resident(b->key));
	TSS2_TCTI_CONTEXT *tcti =
		b->way->embedded ? open_direct() : open_swtpm(swtpm_tcti(b->real));
	size_t n = Tss2_Sys_GetContextSize(0), at = 0;
	TSS2L_SYS_AUTH_RESPONSE answer = { 0 };
	TPM2B_PUBLIC pub = { 0 };
	TPM2B_PRIVATE priv = { 0 };
	TPM2B_NAME name = { 0 };

	b->sys = calloc(1, n);
	bench_need(b->sys && Tss2_Sys_Initialize(b->sys, n, tcti, NULL) == 0, "libtss2-sys");
	bench_need(Tss2_MU_TPM2B_PUBLIC_Unmarshal(blob->pub.p, blob->pub.n, &at, &pub) == 0,
		   "a public area");
	at = 0;
	bench_need(Tss2_MU_TPM2B_PRIVATE_Unmarshal(blob->priv.p, blob->priv.n, &at, &priv) == 0,
		   "a private area");
	bench_need(Tss2_Sys_Load(b->sys, ROOT, &auth, &priv, &pub, &b->handle, &name, &answer) == 0,
		   "the bare load");
}

static void close_raw(struct bench *b)
{
	TSS2_TCTI_CONTEXT *tcti = NULL;

	bench_need(Tss2_Sys_FlushContext(b->sys, b->handle) == 0, "the bare flush");
	bench_need(Tss2_Sys_GetTctiContext(b->sys, &tcti) == 0, "libtss2-sys");
	Tss2_Sys_Finalize(b->sys);
	free(b->sys);
	close_tcti(tcti);
}

/* ---- turns ---- */

/* Microseconds: the median of single ones. */
static double turn(struct bench *b, void (*sign)(struct bench *b))
{
	double each[TURN];

	sign(b); /* brings everything in */
	for (size_t i = 0; i < TURN; i++) {
		uint64_t start = bench_ns(CLOCK_MONOTONIC);

		sign(b);
		each[i] = (double)(bench_ns(CLOCK_MONOTONIC) - start) / 1000;
	}
	return bench_median(each, TURN);
}

/* Until nobody of ours is connected. */
static void let_go(const struct bench *b)
{
	if (!b->way->embedded)
		nanosleep(&(struct timespec) { .tv_nsec = 120000000 }, NULL);
}

static void both_turns(struct bench *b)
{
	double ours = turn(b, sign_ours), raw;

	let_go(b);
	open_raw(b);
	raw = turn(b, sign_raw);
	close_raw(b);
	b->ours[b->n] = ours;
	b->raw[b->n] = raw;
	b->ratio[b->n++] = ours / raw;
}

static enum inro_err step_prepare(struct tpm *t, void *arg)
{
	const struct root *root = NULL;
	enum inro_err e = root_settle(t, &root);

	bench_need(e || root->ref.handle == ROOT, "a persistent storage root");
	return e ? e : caps_read(t, arg);
}

static void prepare(struct bench *b)
{
	static const struct key_spec spec = {
		.kind = KEY_EC,
		.params = { .p = (const uint8_t *)"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
			    .n = 10 }
	};
	struct tpm_words words = { .how = b->way->how };
	struct caps caps = { 0 };
	char home[512];

	(void)snprintf(home, sizeof home, "%s/%s", scratch_dir(), b->way->name);
	bench_need(mkdir(home, 0700) == 0, "a home");
	b->real = b->way->embedded ? NULL : swtpm_start(b->way->way);
	words.home = home;
	words.tcti = bytes_of(b->real ? swtpm_tcti(b->real) : "libtpms:");
	bench_need(tpm_get(&words, &b->tpm) == INRO_OK, "tpm_get");
	bench_need(resident_turn(b->tpm, 1, step_prepare, &caps) == INRO_OK, "the TPM");
	bench_need(tkey_generate(b->tpm, caps.can, &spec, &b->key) == INRO_OK, "a key");
}

static void run(const struct way *way, double seconds)
{
	static struct bench b;
	uint64_t end = bench_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);

	b = (struct bench) { .way = way };
	prepare(&b);
	do
		both_turns(&b);
	while (b.n < TURNS_MAX && bench_ns(CLOCK_MONOTONIC) < end);
	printf("%-18s %8.1f %8.1f   %.3f  (%.2f)\n", way->name, bench_median(b.ours, b.n),
	       bench_median(b.raw, b.n), bench_median(b.ratio, b.n), way->bar);
	tkey_unref(b.key);
	tpm_unref(b.tpm);
	swtpm_free(b.real);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 4;

	crypt_use(libctx_get);
	atomic_store(&link_idle_ms, 40);
	bench_print_machine();
	printf("%-18s %8s %8s   %s\n", "p-256, us", "ours", "bare", "ratio  (at most)");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		run(&ways[i], seconds);
	return 0;
}
