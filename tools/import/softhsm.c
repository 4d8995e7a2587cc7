/* softhsm - object files, and the folders they are in. */
#include "tools/import/softhsm.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* Vendor attributes of a token object. */
#define TOKEN_LABEL (CKA_VENDOR_DEFINED + 0x5348 + 1)
#define TOKEN_SO    (CKA_VENDOR_DEFINED + 0x5348 + 4)
#define TOKEN_USER  (CKA_VENDOR_DEFINED + 0x5348 + 5)

#define TOKEN_FILE "token.object"
#define DB_FILE	   "sqlite3.db"

/* ---- the parser ---- */

static enum inro_err read_bool(struct bytes *in, struct softhsm_attr *a)
{
	uint8_t octet;
	enum inro_err e = read_u8(in, &octet);

	if (!e)
		a->number = octet != 0;
	return e;
}

static enum inro_err read_ulong(struct bytes *in, struct softhsm_attr *a)
{
	return read_u64(in, &a->number);
}

static enum inro_err read_counted(struct bytes *in, size_t unit, struct softhsm_attr *a)
{
	uint64_t n;
	enum inro_err e = read_u64(in, &n);

	if (!e && n > in->n / unit)
		e = INRO_E_SYNTAX;
	return e ? e : read_bytes(in, (size_t)n * unit, &a->bytes);
}

static enum inro_err read_octets(struct bytes *in, struct softhsm_attr *a)
{
	return read_counted(in, 1, a);
}

static enum inro_err read_mechs(struct bytes *in, struct softhsm_attr *a)
{
	return read_counted(in, 8, a);
}

static const struct {
	enum inro_err (*read)(struct bytes *in, struct softhsm_attr *a);
	bool in_map;
} kinds[] = {
	[SOFTHSM_BOOL] = { read_bool, true },	 [SOFTHSM_ULONG] = { read_ulong, true },
	[SOFTHSM_BYTES] = { read_octets, true }, [SOFTHSM_MAP] = { read_octets, false },
	[SOFTHSM_MECHS] = { read_mechs, true },
};

static bool has(const struct softhsm_object *o, CK_ATTRIBUTE_TYPE type)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->attrs[i].type == type)
			return true;
	return false;
}

static enum inro_err parse_one(struct bytes *in, bool in_map, struct softhsm_object *o)
{
	struct softhsm_attr a = { 0 };
	uint64_t type, kind;

	if (read_u64(in, &type) || read_u64(in, &kind))
		return err_set(INRO_E_DAMAGED, "it ends within an attribute");
	if (kind < SOFTHSM_BOOL || kind > SOFTHSM_MECHS || (in_map && !kinds[kind].in_map))
		return err_set(INRO_E_DAMAGED, "an attribute is of the unknown kind %llu",
			       (unsigned long long)kind);
	if ((CK_ATTRIBUTE_TYPE)type != type)
		return err_set(INRO_E_DAMAGED, "an attribute is 0x%llx, which none is here",
			       (unsigned long long)type);
	if (has(o, (CK_ATTRIBUTE_TYPE)type))
		return err_set(INRO_E_DAMAGED, "the attribute 0x%llx is there twice",
			       (unsigned long long)type);
	if (o->n == SOFTHSM_ATTRS)
		return err_set(INRO_E_DAMAGED, "it has more than %d attributes", SOFTHSM_ATTRS);
	a.type = (CK_ATTRIBUTE_TYPE)type;
	a.kind = (enum softhsm_kind)kind;
	if (kinds[kind].read(in, &a))
		return err_set(INRO_E_DAMAGED, "it ends within the attribute 0x%llx",
			       (unsigned long long)type);
	o->attrs[o->n++] = a;
	return INRO_OK;
}

static enum inro_err parse(struct bytes in, bool in_map, struct softhsm_object *ret)
{
	enum inro_err e = INRO_OK;

	ret->n = 0;
	while (!e && in.n)
		e = parse_one(&in, in_map, ret);
	return e;
}

enum inro_err softhsm_parse(struct bytes file, struct softhsm_object *ret)
{
	uint64_t generation;

	if (file.n > SOFTHSM_FILE_MAX)
		return err_set(INRO_E_DAMAGED, "it has %zu octets", file.n);
	if (read_u64(&file, &generation))
		return err_set(INRO_E_DAMAGED, "it is %s",
			       file.n ? "cut short"
				      : "empty, as SoftHSM leaves it when it dies "
					"while writing");
	return parse(file, false, ret);
}

enum inro_err softhsm_parse_map(struct bytes map, struct softhsm_object *ret)
{
	return parse(map, true, ret);
}

const struct softhsm_attr *softhsm_attr(const struct softhsm_object *o, CK_ATTRIBUTE_TYPE type,
					enum softhsm_kind kind)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->attrs[i].type == type && o->attrs[i].kind == kind)
			return &o->attrs[i];
	return NULL;
}

bool softhsm_bool(const struct softhsm_object *o, CK_ATTRIBUTE_TYPE type, bool otherwise)
{
	const struct softhsm_attr *a = softhsm_attr(o, type, SOFTHSM_BOOL);

	return a ? a->number != 0 : otherwise;
}

CK_ULONG softhsm_ulong(const struct softhsm_object *o, CK_ATTRIBUTE_TYPE type)
{
	const struct softhsm_attr *a = softhsm_attr(o, type, SOFTHSM_ULONG);

	return a ? (CK_ULONG)a->number : CK_UNAVAILABLE_INFORMATION;
}

/* ---- lists ---- */

void softhsm_names_clear(struct softhsm_names *l)
{
	free(l->v);
	*l = (struct softhsm_names) { 0 };
}

enum inro_err softhsm_names_add(struct softhsm_names *l, const char *name)
{
	if (l->n == SOFTHSM_OBJECTS || strlen(name) >= sizeof l->v[0])
		return err_set(INRO_E_TOO_BIG,
			       "the token has more than %u objects, or one of a strange name",
			       SOFTHSM_OBJECTS);
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		char(*v)[64] = reallocarray(l->v, cap, sizeof *v);

		if (!v)
			return err_set(INRO_E_NO_MEMORY, "no memory for the token's objects");
		l->v = v;
		l->cap = cap;
	}
	snprintf(l->v[l->n++], sizeof l->v[0], "%s", name);
	return INRO_OK;
}

static void token_clear(struct softhsm_token *t)
{
	free(t->path);
	buf_clear(&t->content);
}

void softhsm_tokens_clear(struct softhsm_tokens *t)
{
	for (size_t i = 0; i < t->n; i++)
		token_clear(&t->v[i]);
	free(t->v);
	*t = (struct softhsm_tokens) { 0 };
}

/* ---- folders ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

struct names {
	struct dirent **v;
	int n;
};

static void names_clear(struct names *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static enum inro_err names_of(const char *dir, int (*wanted)(const struct dirent *),
			      struct names *ret)
{
	ret->n = scandir(dir, &ret->v, wanted, by_name);
	if (ret->n >= 0)
		return INRO_OK;
	*ret = (struct names) { 0 };
	return file_err(errno, dir);
}

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int is_object(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 7 && strcmp(d->d_name + n - 7, ".object") == 0 &&
	       strcmp(d->d_name, TOKEN_FILE) != 0;
}

static bool has_file(const char *dir, const char *name)
{
	AUTO(free_chars) char *path = file_join(dir, name);

	return path && access(path, F_OK) == 0;
}

enum inro_err softhsm_read(const struct softhsm_token *t, const char *name, struct buf *ret)
{
	AUTO(free_chars) char *path = file_join(t->path, t->database ? DB_FILE : name);

	if (!path)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	return t->database ? softhsm_db_read(path, name, ret)
			   : file_read(path, SOFTHSM_FILE_MAX, ret);
}

static struct bytes octets_of(const struct softhsm_object *o, CK_ATTRIBUTE_TYPE type)
{
	const struct softhsm_attr *a = softhsm_attr(o, type, SOFTHSM_BYTES);

	return a ? a->bytes : BYTES_NONE;
}

static enum inro_err read_token(struct softhsm_token *t)
{
	struct softhsm_object o;
	struct bytes label;
	enum inro_err e = softhsm_read(t, t->database ? SOFTHSM_DB_TOKEN : TOKEN_FILE, &t->content);

	if (!e)
		e = softhsm_parse(buf_bytes(&t->content), &o);
	if (e)
		return err_context(e, "the SoftHSM token in '%s'", t->path);
	label = octets_of(&o, TOKEN_LABEL);
	while (label.n && label.p[label.n - 1] == ' ')
		label.n--;
	if (!label.n || label.n >= sizeof t->label || memchr(label.p, '\0', label.n))
		return err_set(INRO_E_DAMAGED, "the SoftHSM token in '%s' has no label", t->path);
	memcpy(t->label, label.p, label.n);
	t->user = octets_of(&o, TOKEN_USER);
	t->so = octets_of(&o, TOKEN_SO);
	return INRO_OK;
}

static enum inro_err add_token(char *path, bool database, struct softhsm_tokens *l)
{
	struct softhsm_token t = { .path = path, .database = database };
	struct softhsm_token *v = reallocarray(l->v, l->n + 1, sizeof *v);
	enum inro_err e = INRO_OK;

	if (v)
		l->v = v;
	else
		e = err_set(INRO_E_NO_MEMORY, "no memory for a list of tokens");
	if (!e)
		e = read_token(&t);
	if (e)
		token_clear(&t);
	else
		l->v[l->n++] = t;
	return e;
}

/* `path` is taken over.  A folder without a token in it is passed over. */
static enum inro_err try_folder(char *path, struct softhsm_tokens *l)
{
	bool database = path && has_file(path, DB_FILE);

	if (!path)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	if (database || has_file(path, TOKEN_FILE))
		return add_token(path, database, l);
	free(path);
	return INRO_OK;
}

enum inro_err softhsm_find(const char *dir, struct softhsm_tokens *ret)
{
	SCOPED(softhsm_tokens) l = { 0 };
	SCOPED(names) names = { 0 };
	enum inro_err e = names_of(dir, is_visible, &names);

	if (!e)
		e = try_folder(strdup(dir), &l);
	for (int i = 0; !e && i < names.n; i++)
		e = try_folder(file_join(dir, names.v[i]->d_name), &l);
	if (!e && !l.n)
		e = err_set(INRO_E_NOT_FOUND,
			    "there is no SoftHSM token in '%s'; give the folder that softhsm2.conf "
			    "calls directories.tokendir",
			    dir);
	if (e)
		return e;
	*ret = l;
	l = (struct softhsm_tokens) { 0 };
	return INRO_OK;
}

static enum inro_err list_files(const char *dir, struct softhsm_names *l)
{
	SCOPED(names) names = { 0 };
	enum inro_err e = names_of(dir, is_object, &names);

	for (int i = 0; !e && i < names.n; i++)
		e = softhsm_names_add(l, names.v[i]->d_name);
	return e;
}

static enum inro_err list_rows(const char *dir, struct softhsm_names *l)
{
	AUTO(free_chars) char *path = file_join(dir, DB_FILE);

	if (!path)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	return softhsm_db_list(path, l);
}

enum inro_err softhsm_list(const struct softhsm_token *t, struct softhsm_names *ret)
{
	SCOPED(softhsm_names) l = { 0 };
	enum inro_err e = t->database ? list_rows(t->path, &l) : list_files(t->path, &l);

	if (e)
		return e;
	*ret = l;
	l = (struct softhsm_names) { 0 };
	return INRO_OK;
}
