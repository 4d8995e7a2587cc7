/* tpmtoken - tokens in a TPM, through the module. */
#include "tests/lib/tpmtoken.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/own.h"
#include "tests/lib/scratch.h"

struct swtpm *tpmcase;

int tpmcase_on_swtpm(void **state)
{
	(void)state;
	tpmcase = swtpm_start(SWTPM_UNIX);
	return 0;
}

int tpmcase_embedded(void **state)
{
	(void)state;
	tpmcase = NULL;
	return 0;
}

int tpmcase_end(void **state)
{
	unsigned left = tpmcase ? swtpm_left_behind(tpmcase) : 0;

	(void)state;
	swtpm_free(tpmcase);
	return left == 0 ? 0 : -1;
}

const char *tpmcase_tcti(void)
{
	return tpmcase ? swtpm_tcti(tpmcase) : "libtpms:";
}

CK_RV tpmtoken_try(const char *tcti, CK_SLOT_ID *ret_slot)
{
	static int n;
	char label[33], config[300];

	snprintf(label, sizeof label, "in a TPM %d %d", (int)getpid(), ++n);
	snprintf(config, sizeof config, "tcti=%s\n", tcti);
	return p11_admin->create(&(struct inro_new_token) { .label = module_text(label),
							    .backend = module_text("tpm"),
							    .config = module_text(config),
							    .so_pin = module_text(SO_PIN),
							    .user_pin = module_text(USER_PIN) },
				 ret_slot);
}

CK_SLOT_ID tpmtoken_new(const char *tcti)
{
	CK_SLOT_ID slot = 0;

	OK(tpmtoken_try(tcti, &slot));
	return slot;
}

CK_SESSION_HANDLE tpmtoken_user(CK_SLOT_ID slot)
{
	CK_SESSION_HANDLE s = module_open(slot, true);

	OK(module_login(s, CKU_USER, USER_PIN));
	return s;
}

CK_SESSION_HANDLE tpmtoken_start(const char *tcti, CK_SLOT_ID *ret_slot)
{
	*ret_slot = tpmtoken_new(tcti);
	return tpmtoken_user(*ret_slot);
}

struct module_pair tpmtoken_pair(CK_SESSION_HANDLE s)
{
	struct module_pair p = module_ec(s, true, false);

	MUST(module_ulong(s, p.private, CKA_INRO_PLACE) == CK_INRO_PLACE_TPM);
	return p;
}

void tpmtoken_use(CK_SESSION_HANDLE s, struct module_pair p)
{
	uint8_t sig[64];

	OK(module_sign(s, p.private, sig));
	OK(module_verify(s, p.public, sig));
}

struct content {
	char *room;
	size_t n, cap;
};

static int add_row(void *arg, int columns, char **values, char **names)
{
	struct content *c = arg;

	(void)names;
	for (int i = 0; i < columns; i++) {
		const char *v = values[i] ? values[i] : "NULL";
		int n = snprintf(c->room + c->n, c->cap - c->n, "%s|", v);

		MUST(n > 0 && (size_t)n < c->cap - c->n);
		c->n += (size_t)n;
	}
	return 0;
}

static void add_table(sqlite3 *db, const char *columns, const char *table, struct content *c)
{
	char sql[512];

	snprintf(sql, sizeof sql, "SELECT %s FROM %s ORDER BY rowid", columns, table);
	MUST(sqlite3_exec(db, sql, add_row, c, NULL) == SQLITE_OK);
}

size_t tpmtoken_content(CK_SLOT_ID slot, char *room, size_t cap)
{
	struct content c = { .room = room, .cap = cap };
	sqlite3 *db;

	MUST(sqlite3_open_v2(module_token_file(slot), &db, SQLITE_OPEN_READONLY, NULL) ==
	     SQLITE_OK);
	add_table(db,
		  "label, serial, backend, config, hex(auth_so), hex(auth_user), tries_so, "
		  "tries_user, generation",
		  "token", &c);
	add_table(db, "name, type, hex(auth), tries, change", "users", &c);
	add_table(db, "row, hex(uid), version, class, private, hex(attrs), hex(sealed)", "object",
		  &c);
	sqlite3_close(db);
	MUST(c.n > 100);
	return c.n;
}

unsigned tpmtoken_files(void)
{
	DIR *d = opendir(scratch_path("home/tokens"));
	const struct dirent *entry;
	unsigned n = 0;

	if (!d)
		return 0;
	while ((entry = readdir(d))) {
		const char *end = strstr(entry->d_name, ".token");

		n += end && end[6] == '\0';
	}
	closedir(d);
	return n;
}

void tpmtoken_again(void)
{
	OK(p11->C_Finalize(NULL));
	OK(p11->C_Initialize(NULL));
}

uint32_t tpmtoken_lockout(const struct swtpm *s)
{
	/* TPM2_GetCapability(TPM_CAP_TPM_PROPERTIES, TPM_PT_LOCKOUT_COUNTER, 1), Part 3 30.2 */
	static const uint8_t get[] = { 0x80, 1, 0, 0, 0, 22, 0,	   0, 1, 0x7a, 0,
				       0,    0, 6, 0, 0, 2,  0x0e, 0, 0, 0,    1 };
	uint8_t r[4096];

	MUST(swtpm_command(s, get, sizeof get, r) == 27);
	MUST(memcmp(r + 19, get + 14, 4) == 0);
	return (uint32_t)r[23] << 24 | (uint32_t)r[24] << 16 | (uint32_t)r[25] << 8 | r[26];
}
