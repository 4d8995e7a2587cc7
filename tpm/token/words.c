/* words - reading and writing them: one table, a row for each word. */
#include "tpm/token/words.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/homedir.h"
#include "tpm/talk/resident.h"
#include "tpm/wire/policy.h"

#define MAX_TEXT 4096

struct word;

/* How the value of a word is read and written; a value that is its default is not written. */
struct form {
	enum inro_err (*read)(const struct word *w, struct bytes value, void *field);
	void (*write)(const struct word *w, const void *field, struct buf *b);
};

struct word {
	const char *name;
	const struct form *form;
	size_t at, size; /* of its field in struct words */
};

static enum inro_err bad(const struct word *w, struct bytes value, const char *want)
{
	return err_set(INRO_E_CONFIG, "%s=%.*s: %s", w->name, value.n < 64 ? (int)value.n : 64,
		       (const char *)value.p, want);
}

static void add_word(const struct word *w, struct buf *b, struct bytes value)
{
	buf_add_str(b, w->name);
	buf_add_u8(b, '=');
	buf_add(b, value);
	buf_add_u8(b, '\n');
}

/* ---- text ---- */

static enum inro_err read_text(const struct word *w, struct bytes value, void *field)
{
	char *text = field;

	if (value.n >= w->size)
		return bad(w, value, "too long");
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < 0x20 || value.p[i] == 0x7f)
			return bad(w, value, "a word has no control characters");
	memset(text, 0, w->size);
	if (value.n > 0)
		memcpy(text, value.p, value.n);
	return INRO_OK;
}

static void write_text(const struct word *w, const void *field, struct buf *b)
{
	struct bytes text = bytes_of(field);

	if (text.n > 0)
		add_word(w, b, text);
}

static enum inro_err read_pcrs(const struct word *w, struct bytes value, void *field)
{
	TPML_PCR_SELECTION which;

	if (value.n > 0 && policy_read_pcrs(value, &which))
		return bad(w, value, "PCRs are written as sha256:0,2,7, several banks with '+'");
	return read_text(w, value, field);
}

static enum inro_err read_auth(const struct word *w, struct bytes value, void *field)
{
	static const char prefix[] = "file:/";
	const size_t n = sizeof prefix - 1;

	if (value.n > 0 && (value.n <= n || memcmp(value.p, prefix, n) != 0))
		return err_set(INRO_E_CONFIG,
			       "%s is given as file:/PATH, so that it is kept in no record",
			       w->name);
	return read_text(w, value, field);
}

/* ---- numbers ---- */

static enum inro_err read_number(const struct word *w, struct bytes value, void *field)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t x = 0, *out = field;

	if (value.n < 3 || value.n > 10 || memcmp(value.p, "0x", 2) != 0)
		return bad(w, value, "a number is written as 0x and up to 8 hex digits");
	for (size_t i = 2; i < value.n; i++) {
		char c = (char)value.p[i];
		const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;

		if (!at)
			return bad(w, value, "a number is written as 0x and up to 8 hex digits");
		x = x << 4 | (uint32_t)(at - digits);
	}
	*out = x;
	return INRO_OK;
}

static enum inro_err read_root(const struct word *w, struct bytes value, void *field)
{
	uint32_t handle = 0;
	enum inro_err e = read_number(w, value, &handle);

	if (!e && handle != 0 && handle >> 24 != TPM2_HT_PERSISTENT)
		e = bad(w, value, "a persistent handle begins with 0x81");
	if (!e)
		*(uint32_t *)field = handle;
	return e;
}

static void write_number(const struct word *w, const void *field, struct buf *b)
{
	uint32_t x = *(const uint32_t *)field;

	if (x != 0)
		buf_addf(b, "%s=0x%08x\n", w->name, x);
}

/* ---- the Name of the root ---- */

static enum inro_err read_name(const struct word *w, struct bytes value, void *field)
{
	TPM2B_NAME name = { 0 };
	size_t n = 0;

	if (hex_decode(value, name.name, sizeof name.name, &n) || n < 3)
		return bad(w, value, "the Name of a key, in hex");
	name.size = (uint16_t)n;
	*(TPM2B_NAME *)field = name;
	return INRO_OK;
}

static void write_name(const struct word *w, const void *field, struct buf *b)
{
	const TPM2B_NAME *name = field;

	if (name->size == 0)
		return;
	buf_addf(b, "%s=", w->name);
	buf_add_hex(b, BYTES(name->name, name->size));
	buf_add_u8(b, '\n');
}

/* ---- its public area ---- */

static enum inro_err read_area(const struct word *w, struct bytes value, void *field)
{
	uint8_t room[sizeof(TPM2B_PUBLIC)];
	TPM2B_PUBLIC pub;
	struct bytes in;
	size_t n = 0;

	if (hex_decode(value, room, sizeof room, &n))
		return bad(w, value, "the public area of a key, in hex");
	in = BYTES(room, n);
	if (wire_read_public(&in, &pub) || in.n > 0)
		return bad(w, value, "the public area of a key, in hex");
	*(TPM2B_PUBLIC *)field = pub;
	return INRO_OK;
}

static void write_area(const struct word *w, const void *field, struct buf *b)
{
	const TPM2B_PUBLIC *pub = field;
	SCOPED(buf) area = { 0 };

	if (pub->publicArea.type == 0)
		return;
	wire_add_public(&area, pub);
	buf_addf(b, "%s=", w->name);
	buf_add_hex(b, buf_bytes(&area));
	buf_add_u8(b, '\n');
}

/* ---- choices ---- */

static enum inro_err read_session(const struct word *w, struct bytes value, void *field)
{
	bool password = bytes_is(value, "password");

	if (!password && !bytes_is(value, "hmac"))
		return bad(w, value, "hmac or password");
	*(enum tpm_how *)field = password ? TPM_BY_PASSWORD : TPM_BY_HMAC;
	return INRO_OK;
}

static void write_session(const struct word *w, const void *field, struct buf *b)
{
	if (*(const enum tpm_how *)field == TPM_BY_PASSWORD)
		add_word(w, b, bytes_of("password"));
}

static enum inro_err read_sealed(const struct word *w, struct bytes value, void *field)
{
	bool no = bytes_is(value, "no");

	if (!no && !bytes_is(value, "yes"))
		return bad(w, value, "yes or no");
	*(bool *)field = no;
	return INRO_OK;
}

static void write_sealed(const struct word *w, const void *field, struct buf *b)
{
	if (*(const bool *)field)
		add_word(w, b, bytes_of("no"));
}

/* ---- the words ---- */

static const struct form text = { read_text, write_text };
static const struct form pcrs = { read_pcrs, write_text };
static const struct form auth = { read_auth, write_text };
static const struct form number = { read_number, write_number };
static const struct form root = { read_root, write_number };
static const struct form name = { read_name, write_name };
static const struct form area = { read_area, write_area };
static const struct form session = { read_session, write_session };
static const struct form sealed = { read_sealed, write_sealed };

#define FIELD(f) offsetof(struct words, f), sizeof(((struct words *)0)->f)

static const struct word table[] = {
	{ "tcti", &text, FIELD(tcti) },
	{ "pcr", &pcrs, FIELD(pcr) },
	{ "root", &root, FIELD(root) },
	{ "owner-auth", &auth, FIELD(owner_auth) },
	{ "root-auth", &auth, FIELD(root_auth) },
	{ "endorsement-auth", &auth, FIELD(endorsement_auth) },
	{ "session", &session, FIELD(how) },
	{ "sealed", &sealed, FIELD(no_sealed) },
	{ "root-name", &name, FIELD(root_name) },
	{ "root-public", &area, FIELD(root_pub) },
	{ "caps", &number, FIELD(caps.can) },
	{ "slots", &number, FIELD(caps.transient_slots) },
	{ "max-nv", &number, FIELD(caps.max_nv) },
	{ "maker", &text, FIELD(caps.maker) },
	{ "model", &text, FIELD(caps.model) },
	{ "firmware", &number, FIELD(caps.firmware[0]) },
	{ "firmware-low", &number, FIELD(caps.firmware[1]) },
};

static const struct word *find(struct bytes word)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (bytes_is(word, table[i].name))
			return &table[i];
	return NULL;
}

/* Up to `end`, which is taken off too; everything when there is none. */
static struct bytes take_to(struct bytes *in, char end)
{
	const uint8_t *at = in->n > 0 ? memchr(in->p, end, in->n) : NULL;
	struct bytes part = at ? BYTES(in->p, (size_t)(at - in->p)) : *in;

	*in = at ? BYTES(at + 1, in->n - part.n - 1) : BYTES_NONE;
	return part;
}

static enum inro_err read_line(struct bytes line, struct words *w, unsigned *seen)
{
	struct bytes value = line, word = take_to(&value, '=');
	const struct word *row = find(word);

	if (!row || word.n == line.n)
		return err_set(INRO_E_CONFIG, "a TPM token has no setting '%.*s'",
			       line.n < 64 ? (int)line.n : 64, (const char *)line.p);
	if (*seen & 1U << (row - table))
		return err_set(INRO_E_CONFIG, "%s is given twice", row->name);
	*seen |= 1U << (row - table);
	return row->form->read(row, value, (char *)w + row->at);
}

static enum inro_err choose_tcti(struct words *w)
{
	SCOPED(buf) tcti = { 0 };
	enum inro_err e = link_choose(&tcti);

	return e ? e : read_text(&table[0], buf_bytes(&tcti), w->tcti);
}

static bool has_area(const struct words *w)
{
	return w->root_pub.publicArea.type != 0;
}

static enum inro_err check_area(const struct words *w)
{
	TPM2B_NAME now = { 0 };
	enum inro_err e = has_area(w) ? crypt_name(&w->root_pub.publicArea, &now) : INRO_OK;

	if (e || !has_area(w) ||
	    bytes_equal(BYTES(now.name, now.size), BYTES(w->root_name.name, w->root_name.size)))
		return e;
	return err_set(INRO_E_CONFIG, "root-public is not the key that root-name names");
}

enum inro_err words_read(struct bytes in, struct words *ret)
{
	struct words w = { 0 };
	unsigned seen = 0;
	enum inro_err e = INRO_OK;

	if (in.n > MAX_TEXT)
		return err_set(INRO_E_CONFIG, "%zu bytes of settings are too many", in.n);
	while (!e && in.n > 0) {
		struct bytes line = take_to(&in, '\n');

		if (line.n > 0)
			e = read_line(line, &w, &seen);
	}
	if (!e)
		e = check_area(&w);
	if (!e && w.tcti[0] == '\0')
		e = choose_tcti(&w);
	if (!e)
		*ret = w;
	return e;
}

enum inro_err words_write(const struct words *w, struct buf *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		table[i].form->write(&table[i], (const char *)w + table[i].at, ret);
	return buf_err(ret);
}

/* ---- what they name ---- */

/* A file that is not there is no token that is not there: never INRO_E_NOT_FOUND. */
static enum inro_err auth_from(const char *whose, const char *word, struct secret *ret)
{
	const char *path = NULL;
	enum inro_err e = word[0] ? file_uri_path(word, &path) : INRO_OK;

	if (!e && path)
		e = file_read_secret(path, ret);
	if (!e)
		return e;
	return err_set(e == INRO_E_NOT_FOUND ? INRO_E_CONFIG : e, "%s of the TPM: %s", whose,
		       err_detail(e));
}

enum inro_err words_owner(const struct words *w, struct secret *ret)
{
	return auth_from("owner-auth", w->owner_auth, ret);
}

static enum inro_err root_auth(const struct words *w, struct secret *ret)
{
	return auth_from("root-auth", w->root_auth, ret);
}

static enum inro_err endorsement_auth(const struct words *w, struct secret *ret)
{
	return auth_from("endorsement-auth", w->endorsement_auth, ret);
}

/* One that is kept away from those who only use keys. */
static void if_readable(enum inro_err (*auth_of)(const struct words *w, struct secret *ret),
			const struct words *w, struct secret *ret)
{
	if (auth_of(w, ret))
		err_reset();
}

enum inro_err words_check_auths(const struct words *w)
{
	SCOPED(secret) owner = { 0 };
	SCOPED(secret) storage = { 0 };
	SCOPED(secret) endorsement = { 0 };
	enum inro_err e = words_owner(w, &owner);

	if (!e)
		e = root_auth(w, &storage);
	return e ? e : endorsement_auth(w, &endorsement);
}

enum inro_err words_tpm(const struct words *w, struct tpm **ret)
{
	SCOPED(secret) owner = { 0 };
	SCOPED(secret) storage = { 0 };
	SCOPED(secret) endorsement = { 0 };
	AUTO(free_chars) char *home = NULL;
	struct tpm_words to = { .tcti = bytes_of(w->tcti), .root = w->root, .how = w->how };
	enum inro_err e = homedir(true, &home);

	if (!e)
		e = root_auth(w, &storage);
	if (e)
		return e;
	if_readable(words_owner, w, &owner);
	if_readable(endorsement_auth, w, &endorsement);
	to.home = home;
	to.owner_auth = secret_bytes(&owner);
	to.root_auth = secret_bytes(&storage);
	to.endorsement_auth = secret_bytes(&endorsement);
	to.root_pub = has_area(w) ? &w->root_pub : NULL;
	to.root_name = BYTES(w->root_name.name, w->root_name.size);
	return tpm_get(&to, ret);
}

static enum inro_err compare(const struct words *w, const struct root *found)
{
	struct bytes want = BYTES(w->root_name.name, w->root_name.size);

	if (want.n == 0 || bytes_equal(BYTES(found->pub_name.name, found->pub_name.size), want))
		return INRO_OK;
	return root_is_another();
}

enum inro_err words_root_step(struct tpm *t, void *words)
{
	const struct root *found = NULL;
	enum inro_err e = root_check(t, &found);

	return e ? e : compare(words, found);
}

enum inro_err words_expect_step(struct tpm *t, void *words)
{
	const struct root *found = NULL;
	enum inro_err e = root_get(t, &found);

	return e ? e : compare(words, found);
}

enum inro_err words_expect_root(const struct words *w, struct tpm *t)
{
	struct words copy = *w;

	return resident_turn(t, 0, words_expect_step, &copy);
}

enum inro_err words_check_root(const struct words *w, struct tpm *t)
{
	struct words copy = *w;

	return resident_turn(t, 0, words_root_step, &copy);
}
