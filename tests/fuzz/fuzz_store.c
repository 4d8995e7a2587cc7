/*
 * fuzz_store - a token's file edited by somebody else while its user is logged in.
 *
 * 1. Records are altered at places of the fuzzer's choice, under new row numbers, so that each is
 *    read anew.
 * 2. No record shows a sensitive value, and a key that can be used is the one that was stored, with
 *    the policy that it was stored with.
 */
#include "tests/fuzz/fuzz.h"

#include <sqlite3.h>
#include <string.h>

#include "base/cryptoki/mechname.h"
#include "tests/fuzz/feed.h"
#include "tests/fuzz/token.h"

#define MAX_EDITS 8

static sqlite3 *db;

/* ---- what was stored ---- */

static const CK_ATTRIBUTE_TYPE policy[] = {
	CKA_CLASS,
	CKA_KEY_TYPE,
	CKA_PRIVATE,
	CKA_SENSITIVE,
	CKA_EXTRACTABLE,
	CKA_SIGN,
	CKA_VERIFY,
	CKA_ENCRYPT,
	CKA_DECRYPT,
	CKA_DERIVE,
	CKA_WRAP,
	CKA_UNWRAP,
	CKA_SIGN_RECOVER,
	CKA_LOCAL,
	CKA_COPYABLE,
	CKA_MODIFIABLE,
	CKA_TRUSTED,
	CKA_DESTROYABLE,
	CKA_WRAP_WITH_TRUSTED,
	CKA_ALWAYS_AUTHENTICATE,
	CKA_ALWAYS_SENSITIVE,
	CKA_NEVER_EXTRACTABLE,
	CKA_INRO_MOVER,
};

#define UID_TEXT 32

struct kept {
	uint8_t uid[UID_TEXT];
	CK_ULONG values[ARRAY_LEN(policy)];
};

static struct kept kept[FUZZ_OBJECTS];
static size_t kept_n;

/* ~0 for what it has not. */
static CK_ULONG value_of(CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_ULONG v = 0;
	CK_ATTRIBUTE a = { type, &v, sizeof v };

	return fuzz_p11->v3.v2.C_GetAttributeValue(fuzz_session, o, &a, 1) == CKR_OK ? v : ~0UL;
}

static bool describe(CK_OBJECT_HANDLE o, struct kept *ret)
{
	CK_ATTRIBUTE a = { CKA_UNIQUE_ID, ret->uid, sizeof ret->uid };

	if (fuzz_p11->v3.v2.C_GetAttributeValue(fuzz_session, o, &a, 1) != CKR_OK ||
	    a.ulValueLen != UID_TEXT)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(policy); i++)
		ret->values[i] = value_of(o, policy[i]);
	return true;
}

static void is_as_it_was(CK_OBJECT_HANDLE o)
{
	struct kept now = { 0 };

	FUZZ_REQUIRE(describe(o, &now));
	for (size_t i = 0; i < kept_n; i++) {
		if (memcmp(&kept[i], &now, sizeof now) == 0)
			return;
	}
	fuzz_require(0, "a key that can be used is as it was stored");
}

/* ---- the file ---- */

static void sql(const char *text)
{
	int rc = sqlite3_exec(db, text, NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		fprintf(stderr, "%s: %s\n", text, sqlite3_errmsg(db));
	FUZZ_REQUIRE(rc == SQLITE_OK);
}

static void open_file(void)
{
	struct inro_token_status status;

	FUZZ_REQUIRE(fuzz_admin->status(fuzz_slot, &status) == CKR_OK);
	FUZZ_REQUIRE(sqlite3_open(status.path, &db) == SQLITE_OK);
	/* without RSA: what it costs to read such a key would be all that is done */
	sql("PRAGMA synchronous = OFF;"
	    "CREATE TEMP TABLE was AS SELECT * FROM object WHERE key_type IS NOT 0");
}

static void prepare(void)
{
	CK_OBJECT_HANDLE objects[FUZZ_OBJECTS];
	size_t n;

	if (db)
		return;
	fuzz_token_make();
	n = fuzz_token_objects(objects);
	for (size_t i = 0; i < n; i++)
		kept_n += describe(objects[i], &kept[kept_n]);
	open_file();
}

#define COLUMNS "uid, version, class, key_type, private, id, label, public_hash, attrs, sealed"

static const char *const columns[] = { "uid",	"version", "class",	  "key_type", "private",
				       "id",	"label",   "public_hash", "attrs",    "attrs",
				       "attrs", "sealed",  "sealed" };

#define NTH "(SELECT row FROM object ORDER BY row LIMIT 1 OFFSET ?2)"

/* The statement around a column, on the n-th row. */
static sqlite3_stmt *prepared(const char *before, const char *column, const char *after,
			      sqlite3_int64 n)
{
	sqlite3_stmt *st = NULL;
	char text[200];

	snprintf(text, sizeof text, "%s%s%s", before, column, after);
	FUZZ_REQUIRE(sqlite3_prepare_v2(db, text, -1, &st, NULL) == SQLITE_OK);
	sqlite3_bind_int64(st, 2, n);
	return st;
}

/* A blob as it is, with one place altered, cut, or with more behind it. */
static struct bytes altered(struct feed *f, struct bytes was)
{
	uint8_t how = feed_u8(f);
	struct bytes more = feed_bytes(f);
	size_t at = feed_below(f, was.n + 1), n = at + more.n > was.n ? at + more.n : was.n;
	uint8_t *p = feed_memory(f, n + 1);

	if (!p || how >= 224)
		return more;
	if (was.n)
		memcpy(p, was.p, was.n);
	if (how < 64)
		p[at] ^= (uint8_t)(1 << how % 8);
	else if (how < 160 && more.n)
		memcpy(p + at, more.p, more.n);
	return BYTES(p, how < 64 ? was.n : how < 160 ? n : at);
}

static void bind_value(struct feed *f, sqlite3_stmt *st, sqlite3_stmt *was)
{
	uint8_t how = feed_u8(f);

	if (sqlite3_column_type(was, 0) == SQLITE_INTEGER && how < 240) {
		sqlite3_bind_int64(st, 1, (sqlite3_int64)feed_ulong(f));
	} else if (how < 250) {
		struct bytes old =
			BYTES(sqlite3_column_blob(was, 0), (size_t)sqlite3_column_bytes(was, 0));
		struct bytes new = altered(f, old);

		sqlite3_bind_blob(st, 1, new.n ? (const void *)new.p : "", (int)new.n,
				  SQLITE_TRANSIENT);
	} else {
		sqlite3_bind_int64(st, 1, how);
	}
}

/* What the file's own rules refuse (a uid twice) stays as it was. */
static void edit(struct feed *f)
{
	const char *column = columns[feed_below(f, ARRAY_LEN(columns))];
	sqlite3_int64 n = (sqlite3_int64)feed_below(f, kept_n);
	sqlite3_stmt *was = prepared("SELECT ", column, " FROM object WHERE row = " NTH, n);
	sqlite3_stmt *st = prepared("UPDATE object SET ", column, " = ?1 WHERE row = " NTH, n);

	if (sqlite3_step(was) == SQLITE_ROW) {
		bind_value(f, st, was);
		sqlite3_step(st);
	}
	sqlite3_finalize(was);
	sqlite3_finalize(st);
}

static void write_file(struct feed *f)
{
	sql("BEGIN IMMEDIATE; DELETE FROM object;"
	    "INSERT INTO object (" COLUMNS ") SELECT " COLUMNS " FROM temp.was");
	for (int i = 0; i < MAX_EDITS && f->in.n > 0; i++)
		edit(f);
	sql("COMMIT");
}

/* ---- what is seen of it ---- */

static void read_all(CK_OBJECT_HANDLE o)
{
	static uint8_t out[64][128];
	CK_ATTRIBUTE all[ARRAY_LEN(out)];
	size_t n;
	const struct cryptoki_name *names = cryptoki_names(CRYPTOKI_ATTR, &n);

	for (size_t i = 0; i < n; i += ARRAY_LEN(out)) {
		CK_ULONG k = 0;

		for (; k < ARRAY_LEN(out) && i + k < n; k++) {
			all[k] = (CK_ATTRIBUTE) { names[i + k].value, out[k], sizeof out[k] };
			if (all[k].type & CKF_ARRAY_ATTRIBUTE)
				all[k].pValue = NULL;
		}
		memset(out, 0, sizeof out);
		(void)fuzz_p11->v3.v2.C_GetAttributeValue(fuzz_session, o, all, k);
		fuzz_token_no_secret(BYTES(out, sizeof out));
	}
}

static CK_RV sign(CK_OBJECT_HANDLE o, CK_MECHANISM_TYPE type)
{
	CK_MECHANISM m = { .mechanism = type };
	CK_BYTE data[32] = { 1 }, out[600];
	CK_ULONG n = sizeof out;
	CK_RV rv = fuzz_p11->v3.v2.C_SignInit(fuzz_session, &m, o);

	return rv ? rv : fuzz_p11->v3.v2.C_Sign(fuzz_session, data, sizeof data, out, &n);
}

static CK_RV decrypt(CK_OBJECT_HANDLE o)
{
	CK_MECHANISM m = { .mechanism = CKM_AES_ECB };
	CK_BYTE data[32] = { 1 }, out[600];
	CK_ULONG n = sizeof out;
	CK_RV rv = fuzz_p11->v3.v2.C_DecryptInit(fuzz_session, &m, o);

	return rv ? rv : fuzz_p11->v3.v2.C_Decrypt(fuzz_session, data, sizeof data, out, &n);
}

/* The others' wrapping is never better than what the key itself allows. */
static CK_RV wrap(CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE o)
{
	CK_MECHANISM m = { .mechanism = CKM_AES_KEY_WRAP_KWP };
	CK_BYTE out[600];
	CK_ULONG n = sizeof out;

	return fuzz_p11->v3.v2.C_WrapKey(fuzz_session, &m, by, o, out, &n);
}

static void look(CK_OBJECT_HANDLE o, CK_OBJECT_HANDLE other)
{
	static const CK_MECHANISM_TYPE mechs[] = { CKM_AES_CMAC, CKM_SHA256_HMAC, CKM_ECDSA,
						   CKM_EDDSA };
	bool used = false;

	read_all(o);
	for (size_t i = 0; i < ARRAY_LEN(mechs); i++)
		used |= sign(o, mechs[i]) == CKR_OK;
	used |= decrypt(o) == CKR_OK;
	used |= wrap(o, other) == CKR_OK;
	used |= wrap(other, o) == CKR_OK;
	if (used)
		is_as_it_was(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed f = { .in = BYTES(data, size) };
	CK_OBJECT_HANDLE found[FUZZ_OBJECTS];
	CK_ULONG n = 0;

	prepare();
	write_file(&f);
	feed_clear(&f);
	if (fuzz_p11->v3.v2.C_FindObjectsInit(fuzz_session, NULL, 0) == CKR_OK) {
		FUZZ_REQUIRE(fuzz_p11->v3.v2.C_FindObjects(fuzz_session, found, FUZZ_OBJECTS, &n) ==
			     CKR_OK);
		(void)fuzz_p11->v3.v2.C_FindObjectsFinal(fuzz_session);
	}
	for (CK_ULONG i = 0; i < n; i++)
		look(found[i], found[(i + 1) % n]);
	return 0;
}
