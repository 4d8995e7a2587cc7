/* blocklist - see blocklist.h. */
#include "backoffice/pki/blocklist.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/crypt.h"
#include "base/file.h"

#define SHA1_OCTETS 20
#define OLD_OCTETS  10 /* the last ones of a SHA-1 */
#define SPKI_OCTETS 32

/* Fingerprints of one length, sorted. */
struct prints {
	struct buf all;
	size_t octets;
};

struct blocklist {
	struct prints old, spki;
	char *path;
};

void blocklist_free(struct blocklist *b)
{
	if (!b)
		return;
	buf_clear(&b->old.all);
	buf_clear(&b->spki.all);
	free(b->path);
	free(b);
}

static void blocklist_free_ptr(struct blocklist **b)
{
	blocklist_free(*b);
}

static struct bytes take_line(struct bytes *rest)
{
	const uint8_t *end = memchr(rest->p, '\n', rest->n);
	struct bytes line = BYTES(rest->p, end ? (size_t)(end - rest->p) : rest->n);

	*rest = BYTES(rest->p + line.n + (end ? 1 : 0), rest->n - line.n - (end ? 1 : 0));
	while (line.n && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' '))
		line.n--;
	return line;
}

static bool add_line(struct blocklist *b, struct bytes line)
{
	struct prints *to = line.n == 2 * OLD_OCTETS ? &b->old : &b->spki;
	uint8_t octets[SPKI_OCTETS];
	size_t n;

	if (!line.n || line.p[0] == '#')
		return true;
	if (line.n != 2 * to->octets || hex_decode(line, octets, sizeof octets, &n) != INRO_OK)
		return false;
	buf_add(&to->all, BYTES(octets, n));
	return true;
}

static int compare_old(const void *a, const void *b)
{
	return memcmp(a, b, OLD_OCTETS);
}

static int compare_spki(const void *a, const void *b)
{
	return memcmp(a, b, SPKI_OCTETS);
}

static enum inro_err add_lines(struct blocklist *b, struct bytes rest)
{
	for (size_t number = 1; rest.n; number++)
		if (!add_line(b, take_line(&rest)))
			return err_set(INRO_E_SYNTAX,
				       "%s, line %zu: not 20 or 64 hexadecimal digits", b->path,
				       number);
	if (buf_err(&b->old.all) || buf_err(&b->spki.all))
		return err_set(INRO_E_NO_MEMORY, "no memory for %s", b->path);
	if (b->old.all.n)
		qsort(b->old.all.p, b->old.all.n / OLD_OCTETS, OLD_OCTETS, compare_old);
	if (b->spki.all.n)
		qsort(b->spki.all.p, b->spki.all.n / SPKI_OCTETS, SPKI_OCTETS, compare_spki);
	return INRO_OK;
}

enum inro_err blocklist_read(const char *path, struct blocklist **ret)
{
	AUTO(blocklist_free_ptr) struct blocklist *b = calloc(1, sizeof *b);
	SCOPED(buf) text = { 0 };
	enum inro_err e;

	if (b)
		b->path = strdup(path);
	if (!b || !b->path)
		return err_set(INRO_E_NO_MEMORY, "no memory for %s", path);
	b->old.octets = OLD_OCTETS;
	b->spki.octets = SPKI_OCTETS;
	e = file_read(path, BLOCKLIST_MAX, &text);
	if (!e)
		e = add_lines(b, buf_bytes(&text));
	if (e)
		return e;
	*ret = b;
	b = NULL;
	return INRO_OK;
}

/* SHA-1 is what those lists are made with; nothing is trusted because of it. */
static enum inro_err old_print(const struct pubkey *k, uint8_t ret[static OLD_OCTETS])
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) hex = { 0 };
	uint8_t digest[EVP_MAX_MD_SIZE];

	buf_add_hex(&hex, k->modulus);
	for (size_t i = 0; i < hex.n; i++)
		if (hex.p[i] >= 'a')
			hex.p[i] = (uint8_t)(hex.p[i] - 'a' + 'A');
	buf_add_str(&text, "Modulus=");
	buf_add(&text, buf_bytes(&hex));
	buf_add_u8(&text, '\n');
	if (buf_err(&text) || buf_err(&hex))
		return err_set(INRO_E_NO_MEMORY, "no memory for a fingerprint");
	if (!EVP_Digest(text.p, text.n, digest, NULL, EVP_sha1(), NULL))
		return crypt_err("computing a fingerprint");
	memcpy(ret, digest + SHA1_OCTETS - OLD_OCTETS, OLD_OCTETS);
	return INRO_OK;
}

static enum inro_err is_listed(const struct blocklist *b)
{
	return err_set(INRO_E_POLICY, "the key is in %s, a list of keys that others know", b->path);
}

static bool has_print(const struct prints *l, const uint8_t *print, int (*compare)(const void *, const void *))
{
	return bsearch(print, l->all.p, l->all.n / l->octets, l->octets, compare);
}

/* By what it is called as it came, or as any RSA key. */
static enum inro_err find_spki(const struct blocklist *b, const struct pubkey *k, bool *ret)
{
	uint8_t print[PKI_DIGEST_MAX];
	enum inro_err e = pubkey_print(k, print);

	*ret = e == INRO_OK && has_print(&b->spki, print, compare_spki);
	if (e != INRO_OK || *ret || k->type != PKI_RSA_PSS)
		return e;
	e = pki_digest(PKI_SHA256, k->spki, print);
	*ret = e == INRO_OK && has_print(&b->spki, print, compare_spki);
	return e;
}

enum inro_err blocklist_check(const struct blocklist *b, const struct pubkey *k)
{
	uint8_t print[PKI_DIGEST_MAX];
	enum inro_err e = INRO_OK;
	bool listed = false;

	if (!b)
		return INRO_OK;
	if (b->old.all.n && k->modulus.n) {
		e = old_print(k, print);
		listed = e == INRO_OK && has_print(&b->old, print, compare_old);
	}
	if (e == INRO_OK && !listed && b->spki.all.n)
		e = find_spki(b, k, &listed);
	return listed ? is_listed(b) : e;
}
