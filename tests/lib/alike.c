/* alike - see alike.h: the two sides, a sequence, the comparison. */
#include "tests/lib/alike.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

/* ---- what a step draws ---- */

static uint64_t next(struct alike_rng *r) /* splitmix64 */
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15U);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

uint32_t alike_below(struct alike_rng *r, uint32_t n)
{
	return (uint32_t)(next(r) % n);
}

bool alike_chance(struct alike_rng *r, unsigned percent)
{
	return alike_below(r, 100) < percent;
}

void alike_fill(struct alike_rng *r, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)next(r);
}

size_t alike_pick_key(const struct alike_side *s, struct alike_rng *r)
{
	return alike_chance(r, 88) ? s->all->key : alike_below(r, ALIKE_KEYS);
}

bool alike_is(size_t key, const char *type)
{
	return strcmp(alike_keys[key].type, type) == 0;
}

const char *alike_digest(struct alike_rng *r)
{
	static const char *const good[] = { "SHA256", "SHA256", "sha384", "SHA512", "SHA1", "SHA2-256", "SHA224" };
	static const char *const odd[] = { "SHA3-256", "SHA512-256", "MD5", "SM3", "SHAKE128", "BLAKE2b512",
					   "RIPEMD160", "MD5-SHA1", "MD4", "no-such-digest", "" };

	return alike_chance(r, 85) ? ALIKE_PICK(r, good) : ALIKE_PICK(r, odd);
}

/* ---- what a side answers ---- */

void alike_say(struct alike_side *s, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vfprintf(s->out, format, list);
	va_end(list);
}

void alike_gives(struct alike_side *s, long result)
{
	fprintf(s->out, " = %ld%s\n", result, ERR_peek_error() ? " +error" : "");
	if (getenv("INRO_ALIKE_ERRORS") && ERR_peek_error()) {
		fprintf(stderr, "%s:\n", s->token ? "token" : "file");
		ERR_print_errors_fp(stderr);
	}
	ERR_clear_error();
}

void alike_bytes(struct alike_side *s, const char *what, const void *p, size_t n)
{
	const uint8_t *at = p;
	uint64_t hash = 0xcbf29ce484222325U;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ at[i]) * 0x100000001b3U;
	fprintf(s->out, "  %s: %zu bytes %016llx\n", what, n, (unsigned long long)hash);
}

/* ---- room that is watched ---- */

#define MARK 0xa5
static uint8_t area[ALIKE_ROOM + 64];

uint8_t *alike_room(void)
{
	memset(area, MARK, sizeof area);
	return area;
}

void alike_room_end(struct alike_side *s, size_t n)
{
	for (size_t i = n; i < sizeof area; i++)
		if (area[i] != MARK) {
			alike_say(s, "  wrote to byte %zu of %zu\n", i, n);
			return;
		}
}

/* ---- a sequence ---- */

static void forget_side(struct alike_side *s)
{
	for (size_t i = 0; i < ALIKE_CTXS; i++) {
		EVP_PKEY_CTX_free(s->ctxs[i].ctx);
		EVP_MD_CTX_free(s->mds[i].ctx);
	}
	memset(s->ctxs, 0, sizeof s->ctxs);
	memset(s->mds, 0, sizeof s->mds);
	s->sig.n = s->cipher.n = 0;
}

static const struct alike_step *draw_step(struct alike_rng *r)
{
	static const struct alike_step *const lists[] = { alike_ctx_steps, alike_md_steps, alike_key_steps,
							  alike_doc_steps };
	const char *only = getenv("INRO_ALIKE_STEPS");
	unsigned sum = 0, at;

	for (int pass = 0;; pass++) {
		at = pass ? alike_below(r, sum) : 0;
		for (size_t l = 0; l < ARRAY_LEN(lists); l++)
			for (const struct alike_step *st = lists[l]; st->name; st++) {
				if (only && fnmatch(only, st->name, FNM_EXTMATCH) != 0)
					continue;
				if (!pass)
					sum += st->weight;
				else if (at < st->weight)
					return st;
				else
					at -= st->weight;
			}
	}
}

static char *run_on(struct alike_side *s, const struct alike_step *step, struct alike_rng r)
{
	char *text = NULL;
	size_t n = 0;

	s->out = open_memstream(&text, &n);
	if (!s->out)
		abort();
	ERR_clear_error();
	alike_say(s, "%s: ", step->name);
	step->run(s, &r);
	if (getenv("INRO_ALIKE_TRACE")) {
		fflush(s->out);
		fprintf(stderr, "%s\n", text);
	}
	fputc('\n', s->out);
	fclose(s->out);
	return text;
}

static const struct alike_meant *is_meant(const struct alike_meant *m, const char *file, const char *token)
{
	int of = OpenSSL_version_num() < 0x30100000UL ? 30 : 31;

	for (; m->call; m++)
		if ((m->of == 0 || m->of == of) && fnmatch(m->call, file, FNM_EXTMATCH) == 0 &&
		    fnmatch(m->token, token, FNM_EXTMATCH) == 0)
			return m;
	return NULL;
}

static void print_difference(const struct alike *a, uint64_t seed, const char *before, const char *file,
			     const char *token)
{
	fprintf(stderr, "---- seed %llu, key %s\n%s---- file\n%s---- token\n%s\n", (unsigned long long)seed,
		alike_keys[a->key].name, before, file, token);
	if (getenv("INRO_ALIKE_PEM"))
		PEM_write_PrivateKey(stderr, a->file.keys[a->key], NULL, NULL, 0, NULL, NULL);
}

#define ERROR " +error"

/* A line of both: of a failure the token may tell more. */
static bool is_same_line(const char *file, size_t n, const char *token, size_t token_n)
{
	if (n <= token_n && memcmp(file, token, n) != 0)
		return false;
	if (n == token_n)
		return true;
	return token_n == n + strlen(ERROR) && memcmp(token + n, ERROR, strlen(ERROR)) == 0 && n > 4 &&
	       (memcmp(token + n - 4, " = 0", 4) == 0 || memcmp(token + n - 5, " = -", 4) == 0);
}

static bool is_same(const char *file, const char *token)
{
	while (*file && *token) {
		size_t n = strcspn(file, "\n"), token_n = strcspn(token, "\n");

		if (!is_same_line(file, n, token, token_n))
			return false;
		file += n + (file[n] == '\n');
		token += token_n + (token[token_n] == '\n');
	}
	return *file == *token;
}

enum verdict { ALIKE_GO_ON, ALIKE_STOP, ALIKE_DIFFER };

static enum verdict judge(struct alike *a, uint64_t seed, const char *before, const char *file,
			  const char *token, const struct alike_meant *meant)
{
	const struct alike_meant *m;

	if (is_same(file, token))
		return ALIKE_GO_ON;
	m = is_meant(meant, file, token);
	if (m)
		return m->goes_on ? ALIKE_GO_ON : ALIKE_STOP;
	print_difference(a, seed, before, file, token);
	return ALIKE_DIFFER;
}

/* What the file's side made is what both use. */
static void keep_made(struct alike *a)
{
	a->sig = a->file.sig;
	a->cipher = a->file.cipher;
}

static enum verdict one_step(struct alike *a, uint64_t seed, struct alike_rng *r, FILE *before,
			     char *const *before_text, const struct alike_meant *meant)
{
	const struct alike_step *step = draw_step(r);
	struct alike_rng both = { next(r) };
	char *file = run_on(&a->file, step, both), *token = run_on(&a->token, step, both);
	enum verdict v;

	fflush(before);
	v = judge(a, seed, *before_text, file, token, meant);
	fputs(file, before);
	keep_made(a);
	free(file);
	free(token);
	return v;
}

bool alike_run(struct alike *a, uint64_t seed, unsigned steps, const struct alike_meant *meant)
{
	struct alike_rng r = { seed * 0x2545f4914f6cdd1dU };
	char *text = NULL;
	size_t n = 0;
	FILE *before = open_memstream(&text, &n);
	enum verdict v = ALIKE_GO_ON;

	if (!before)
		abort();
	a->key = alike_below(&r, ALIKE_KEYS);
	ERR_clear_error();
	for (unsigned i = 0; i < steps && v == ALIKE_GO_ON; i++)
		v = one_step(a, seed, &r, before, &text, meant);
	forget_side(&a->file);
	forget_side(&a->token);
	keep_made(a);
	fclose(before);
	free(text);
	return v != ALIKE_DIFFER;
}
