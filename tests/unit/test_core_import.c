/* test_core_import - devices from CSV: what is taken, what is told of bad rows, the same file
 * again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/batch.h"
#include "backoffice/core/group.h"
#include "backoffice/core/import.h"
#include "backoffice/core/tally.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static struct {
	int n;
	int64_t line;
	char why[512];
} bad;

static int setup(void **state)
{
	static unsigned n;
	char db[32];

	snprintf(db, sizeof db, "import-%u.db", n++);
	*state = office_open(db);
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

static void keep_bad(void *arg, int64_t line, const char *why)
{
	(void)arg;
	bad.n++;
	bad.line = line;
	snprintf(bad.why, sizeof bad.why, "%s", why);
}

static enum import_format format;
static enum charset charset;

static enum inro_err import(struct core *c, struct bytes text, bool update,
			    struct import_report *ret)
{
	const struct import_options o = { .update = update, .format = format, .charset = charset, .bad = keep_bad };
	FILE *f = fmemopen((void *)(uintptr_t)text.p, text.n, "r");
	enum inro_err e;

	assert_non_null(f);
	memset(&bad, 0, sizeof bad);
	e = import_devices(c, f, &o, ret);
	fclose(f);
	return e;
}

static void takes(struct core *c, const char *text, int64_t added, int64_t same)
{
	struct import_report r;

	OK(import(c, bytes_of(text), false, &r));
	if (bad.n)
		fail_msg("line %lld: %s", (long long)bad.line, bad.why);
	assert_int_equal(r.counts[IMPORT_ADDED], added);
	assert_int_equal(r.counts[IMPORT_SAME], same);
}

static void test_columns(void **state)
{
	static const char file[] =
		"\xef\xbb\xbfOS Name,Device ID,MAC "
		"address,host-name,IP,NAME,Group,attrs,Anchor,anchor_store\r\n"
		"\"Windows, \"\"CE\"\"\",00000000ad,00:11:22:33:44:55,press1,192.0.2.7,プレス "
		"一号,plant,"
		"\"{\"\"shift\"\":2}\",serial:Acme:17,hardware\r\n"
		"\r\n"
		",00000000ae,,,,,,,,\n"
		"'; DROP TABLE device; --,00000000af,,,,,,,,";
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };
	SCOPED(device) d = { 0 };

	OK(group_add(c, "plant", NULL, &g));
	takes(c, file, 3, 0);
	takes(c, file, 0, 3);
	OK(device_get(c, "00000000ad", &d));
	assert_string_equal(d.os, "Windows, \"CE\"");
	assert_string_equal(d.name, "プレス 一号");
	assert_string_equal(d.attrs, "{\"shift\":2}");
	assert_int_equal(d.grp, g.id);
	assert_int_equal(d.anchor_store, ANCHOR_HARDWARE);
	OK(tally_check(c));
}

static void test_other_words(void **state)
{
	static const char file[] = "デバイスID,デバイス名,IPアドレス,MACアドレス,ホスト名,OS名\n"
				   "a,プレス,192.0.2.1,00-11-22-AA-44-55,h,Linux\n"
				   "b,,,0011.22aa.4456,,\n"
				   "c,,,001122AA4457,,\n";
	static const char *const bad_macs[] = { "001122AA44",	     "001122AA445566", "00:11-22:aa:44:55",
						"00:11:22:aa:44:5",  "0011.22aa44.56", "00:11:22:aa:44:55:",
						"00112.2aa4.456",    ":00112233445",   "00 11 22 33 44 55" };
	struct core *c = *state;
	SCOPED(device) d = { 0 };

	takes(c, file, 3, 0);
	OK(device_get(c, "c", &d));
	assert_string_equal(d.mac, "00:11:22:aa:44:57");
	device_clear(&d);
	OK(device_get(c, "b", &d));
	assert_string_equal(d.mac, "00:11:22:aa:44:56");
	for (size_t i = 0; i < ARRAY_LEN(bad_macs); i++) {
		struct import_report r;
		char row[80];

		snprintf(row, sizeof row, "id,mac\nx,%s\n", bad_macs[i]);
		OK(import(c, bytes_of(row), false, &r));
		assert_int_equal(bad.n, 1);
	}
}

static void test_updates(void **state)
{
	static const char was[] = "id,name,os\na,one,x\nb,two,x\n";
	static const char now[] = "id,name\na,one\nb,changed\n";
	struct core *c = *state;
	struct import_report r;
	SCOPED(device) d = { 0 };

	takes(c, was, 2, 0);
	OK(import(c, bytes_of(now), false, &r));
	assert_int_equal(bad.n, 1);
	assert_int_equal(bad.line, 3);
	assert_non_null(strstr(bad.why, "other values"));
	OK(import(c, bytes_of(now), true, &r));
	assert_int_equal(r.counts[IMPORT_UPDATED], 1);
	assert_int_equal(r.counts[IMPORT_SAME], 1);
	OK(device_get(c, "b", &d));
	assert_string_equal(d.name, "changed");
	assert_string_equal(d.os, "x");
}

/* Each is the one bad row of three; the others are done. */
static void test_bad_rows(void **state)
{
	static const struct {
		const char *row, *says;
	} rows[] = {
		{ "x", "1 field," },
		{ "x,,,,,,", "fields" },
		{ ",name,,,,", "no id" },
		{ "a b,,,,,", "id" },
		{ "x,,nowhere,,,", "IP" },
		{ "x,,,nobody,,", "'nobody'" },
		{ "x,\xff\xfe,,,,", "UTF-8" },
		{ "x,\x07,,,,", "control" },
		{ "x,\"open,,,,", "quote" },
		{ "x,a\"b,,,,", "quote" },
		{ "x,\"a\"b,,,,", "comma" },
		{ "x,,,,key:00,", "64 digits" },
		{ "x,,,,serial:A:unknown,", "no trust anchor" },
		{ "x,,,,,[]", "object" },
		{ "x,,,,serial:A:17,", "'first'" },
	};
	struct core *c = *state;
	struct import_report r;
	struct audit_report whole;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(buf) text = { 0 };

		buf_addf(&text,
			 "id,name,ip,group,anchor,attrs\nfirst,,,,serial:A:17,\n%s\nlast%zu,,,,,\n",
			 rows[i].row, i);
		OK(import(c, buf_bytes(&text), false, &r));
		if (bad.n != 1 || bad.line != 3 || !strstr(bad.why, rows[i].says))
			fail_msg("'%s': %d, line %lld: %s", rows[i].row, bad.n, (long long)bad.line,
				 bad.why);
		assert_int_equal(r.rows, 3);
		assert_int_equal(r.counts[IMPORT_ADDED], i ? 1 : 2);
	}
	OK(audit_verify(c, &whole));
	OK(tally_check(c));
}

static void test_bad_files(void **state)
{
	static const char *const files[] = { "name,ip\nx,1\n",	 "id,colour\nx,red\n",
					     "id,ID\nx,y\n",	 "\n\n",
					     "\"id\nx\n",	 "id;colour\nx;y\n",
					     "\x89PNG\r\n\x1a\n", "d-1,pump\n",
					     "d-1,pump,somewhere,,h,os\n", "identifier,label,address\nd-1,x,192.0.2.1\n",
					     "d-1,pump,192.0.2.1,,h,os,more\n", "id,name;x,y\nx,y\n",
					     "sep=;\n", "\xff\xfei\0d\0\n", "id\x01\n" };
	struct core *c = *state;
	struct import_report r;
	int64_t n;

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		assert_int_not_equal(import(c, bytes_of(files[i]), false, &r), INRO_OK);
	OK(tally_get(c, "device/registered", &n));
	assert_int_equal(n, 0);
}

/* As spreadsheets write it where decimals have a comma. */
static void test_semicolons(void **state)
{
	static const char file[] = "\xef\xbb\xbf"
				   "ID;Name;IP;attrs\r\n"
				   "s1;\"a;b, \"\"c\"\"\";192.0.2.1;\"{\"\"shift\"\":2}\"\r\n"
				   "s2;x,y;;\r\n";
	struct core *c = *state;
	SCOPED(device) d = { 0 };

	takes(c, file, 2, 0);
	OK(device_get(c, "s1", &d));
	assert_string_equal(d.name, "a;b, \"c\"");
	device_clear(&d);
	OK(device_get(c, "s2", &d));
	assert_string_equal(d.name, "x,y");
	takes(c, "sep=;\r\nid;name\r\ns3;one\r\n", 1, 0);
	takes(c, "sep=,\nid,name\ns4,a;b;c\n", 1, 0);
}

/* No row names the columns: id, name, IP, MAC, host, OS. */
static void test_no_names(void **state)
{
	static const char file[] = "\xef\xbb\xbf"
				   "00000000c1,\"プレス, 1\",192.0.2.1,00-11-22-33-44-01,p1,Linux\r\n"
				   "00000000c2,ポンプ\r\n"
				   "00000000c3,,,001122334403\r\n";
	struct core *c = *state;
	struct import_report r;
	SCOPED(device) d = { 0 };

	takes(c, file, 3, 0);
	takes(c, file, 0, 3);
	OK(device_get(c, "00000000c1", &d));
	assert_string_equal(d.name, "プレス, 1");
	assert_string_equal(d.mac, "00:11:22:33:44:01");
	assert_string_equal(d.os, "Linux");
	takes(c, "id2;host;;00:11:22:33:44:05\nid3;;2001:db8::1\n", 2, 0);
	/* a device that is called as a column, in front of an address */
	takes(c, "name,os,192.0.2.9\n", 1, 0);
	OK(import(c, bytes_of("d-8,x,192.0.2.8\nd 9,x,192.0.2.9\nd-10,a,192.0.2.10,,h,os,more\n"), false, &r));
	assert_int_equal(r.counts[IMPORT_ADDED], 1);
	assert_int_equal(r.counts[IMPORT_BAD], 2);
	assert_int_equal(bad.line, 3);
	assert_non_null(strstr(bad.why, "7 fields, not 6"));
}

/* As Windows in Japan writes it: "-", katakana of half the width, NEC's circled one, IBM's kanji,
 * and a character whose second octet is a backslash. */
#define SJIS_HEAD  "\x83\x66\x83\x6f\x83\x43\x83\x58ID,\x83\x66\x83\x6f\x83\x43\x83\x58\x96\xbc,OS\x96\xbc\r\n"
#define SJIS_PRESS "\x83\x76\x83\x8c\x83\x58\x87\x40"
#define SJIS_NAMES "j1," SJIS_PRESS ",Linux\r\nj2,\xce\xdf\xdd\xcc\xdf,\x95\x5c\r\nj3,\xfb\xfc\x81\x60~,\r\n"

static void is_called(struct core *c, const char *id, const char *name, const char *os)
{
	SCOPED(device) d = { 0 };

	OK(device_get(c, id, &d));
	assert_string_equal(d.name, name);
	assert_string_equal(d.os ? d.os : "", os);
}

static void test_shift_jis(void **state)
{
	struct core *c = *state;
	struct import_report r;

	charset = CHARSET_SHIFT_JIS;
	takes(c, SJIS_HEAD SJIS_NAMES, 3, 0);
	takes(c, SJIS_HEAD SJIS_NAMES, 0, 3);
	is_called(c, "j1", "プレス①", "Linux");
	is_called(c, "j2", "ﾎﾟﾝﾌﾟ", "表");
	is_called(c, "j3", "髙～~", "");
	takes(c, "sep=;\r\nid;name;ip\r\nj4;" SJIS_PRESS ";192.0.2.4\r\n", 1, 0);
	takes(c, "j5," SJIS_PRESS ",192.0.2.5\r\n", 1, 0);
	is_called(c, "j5", "プレス①", "");
	/* what is no Shift_JIS: a first octet without a second, one that no character has, UTF-8 */
	OK(import(c, bytes_of("id,name\nk1,\x83\nk2,\xa0\nk3,\x83\x20\nk4,good\n"), false, &r));
	assert_int_equal(r.counts[IMPORT_BAD], 3);
	assert_non_null(strstr(bad.why, "not Shift_JIS; save"));
	OK(import(c, bytes_of("id,name\nk5,プレス一\n"), false, &r));
	assert_non_null(strstr(bad.why, "but UTF-8; leave"));
	format = IMPORT_JSON_LINES;
	takes(c, "{\"id\":\"j6\",\"name\":\"\x95\x5c\"}\n", 1, 0);
	OK(import(c, bytes_of("{\"id\":7}\n"), false, &r));
	assert_non_null(strstr(bad.why, "'id' is not a text"));
	OK(import(c, bytes_of("{\"id\":\"j7\",\"attrs\":[1]}\n"), false, &r));
	assert_non_null(strstr(bad.why, "'attrs' is not an object"));
	format = IMPORT_CSV;
	is_called(c, "j6", "表", "");
	charset = CHARSET_UTF8;
}

/* Katakana of half the width are an octet each, and three in UTF-8. */
static void test_shift_jis_long(void **state)
{
	struct core *c = *state;
	SCOPED(buf) text = { 0 };
	struct import_report r;

	buf_add_str(&text, "id,name\nlong,");
	memset(buf_extend(&text, CSV_LINE_MAX / 2), 0xb1, CSV_LINE_MAX / 2);
	buf_add_str(&text, "\nlast," SJIS_PRESS);
	OK(buf_err(&text));
	charset = CHARSET_SHIFT_JIS;
	OK(import(c, buf_bytes(&text), false, &r));
	charset = CHARSET_UTF8;
	assert_int_equal(r.counts[IMPORT_BAD], 1);
	assert_non_null(strstr(bad.why, "in UTF-8"));
	is_called(c, "last", "プレス①", "");
}

/* Whoever doesn't know what the file is in is told what to say. */
static void test_shift_jis_untold(void **state)
{
	struct core *c = *state;
	enum charset is = CHARSET__MAX;
	struct import_report r;

	FAILS(INRO_E_SYNTAX, import(c, bytes_of(SJIS_HEAD SJIS_NAMES), false, &r));
	assert_non_null(strstr(err_detail(INRO_E_SYNTAX), "--encoding shift_jis"));
	OK(import(c, bytes_of("id,name,os\n" SJIS_NAMES "j9,\xff,\n"), false, &r));
	assert_int_equal(r.counts[IMPORT_BAD], 4);
	assert_non_null(strstr(bad.why, "save the file as UTF-8"));
	OK(import(c, bytes_of("id,name,os\n" SJIS_NAMES), false, &r));
	assert_non_null(strstr(bad.why, "--encoding shift_jis"));
	OK(charset_named("Shift_JIS", &is));
	assert_int_equal(is, CHARSET_SHIFT_JIS);
	FAILS(INRO_E_ARG, charset_named("euc-jp", &is));
}

/* More than one batch, with rows too long and NULs among them. */
static void test_hostile(void **state)
{
	struct core *c = *state;
	SCOPED(buf) text = { 0 };
	struct import_report r;

	buf_add_str(&text, "id,name\n");
	for (int i = 0; i < BATCH_MAX + 10; i++)
		buf_addf(&text, "d%d,name %d\n", i, i);
	memset(buf_extend(&text, 100000), 'x', 100000);
	buf_add_str(&text, "\nnul,a");
	buf_add_u8(&text, 0);
	buf_add_str(&text, "b\nlast,row");
	OK(buf_err(&text));
	OK(import(c, buf_bytes(&text), false, &r));
	assert_int_equal(r.counts[IMPORT_ADDED], BATCH_MAX + 11);
	assert_int_equal(r.counts[IMPORT_BAD], 2);
	assert_non_null(strstr(bad.why, "NUL"));
	OK(tally_check(c));
}

static void test_export(void **state)
{
	static const char file[] =
		"id,name,os,attrs,anchor,anchor_store,group\r\n"
		"a,\"x, \"\"y\"\"\",プ,\"{\"\"k\"\":1}\",serial:A:17,software,g\r\n"
		"b,,,,,,\r\n";
	const struct device_search all = { .sort = "id" };
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };
	char *text = NULL, *lines = NULL;
	size_t n = 0, count;
	int64_t rows = 0;
	FILE *f = open_memstream(&text, &n);

	OK(group_add(c, "g", NULL, &g));
	takes(c, file, 2, 0);
	OK(export_devices(c, &all, EXPORT_CSV, f, &rows));
	fclose(f);
	assert_int_equal(rows, 2);
	takes(c, text, 0, 2);
	OK(device_delete(c, "a", NULL, &count));
	OK(device_delete(c, "b", NULL, &count));
	takes(c, text, 2, 0); /* the hash of an anchor comes in again */
	f = open_memstream(&lines, &n);
	OK(export_devices(c, &all, EXPORT_JSON_LINES, f, &rows));
	fclose(f);
	assert_non_null(strstr(lines, "\"attrs\":{\"k\":1}"));
	free(text);
	free(lines);
}

/* No cell of what is written is a formula to a spreadsheet, and it is read as what it was. */
static void test_formulas(void **state)
{
	static const char *const names[] = { "=1+1", "+1",	 "-1",	"@SUM(1)", "'=x",
					     "''-x", "'quoted'", "a=b", "'",	   "=\"x\",y",
					     "＝1+1", "'＠x", "x;=1+1" };
	const struct device_search all = { .sort = "id" };
	struct core *c = *state;
	char *text = NULL;
	size_t n = 0, count;
	int64_t rows = 0;
	FILE *f = open_memstream(&text, &n);
	char id[8];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct device_fields fields = { .name = names[i] };
		SCOPED(device) d = { 0 };

		snprintf(id, sizeof id, "d%zu", i);
		OK(device_add(c, id, &fields, &d));
	}
	OK(export_devices(c, &all, EXPORT_CSV, f, &rows));
	fclose(f);
	for (const char *at = text; (at = strpbrk(at, ",\n")); at++)
		assert_null(strchr("=+-@", at[1 + (at[1] == '"')] ? at[1 + (at[1] == '"')] : 'x'));
	assert_non_null(strstr(text, ",'＝1+1,"));
	assert_non_null(strstr(text, ",''＠x,"));
	assert_non_null(strstr(text, ",\"x;=1+1\","));
	takes(c, text, 0, ARRAY_LEN(names));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(id, sizeof id, "d%zu", i);
		OK(device_delete(c, id, NULL, &count));
	}
	takes(c, text, ARRAY_LEN(names), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		SCOPED(device) d = { 0 };

		snprintf(id, sizeof id, "d%zu", i);
		OK(device_get(c, id, &d));
		assert_string_equal(d.name, names[i]);
	}
	free(text);
}

static void test_who_may(void **state)
{
	struct core_options o = office_options();
	struct import_report r;
	struct core *c;

	(void)state;
	o.role = ROLE_AUDITOR;
	c = office_open_as("import-who.db", o);
	FAILS(INRO_E_ACCESS, import(c, bytes_of("id\nx\n"), false, &r));
	core_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_columns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_updates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_semicolons, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shift_jis, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shift_jis_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shift_jis_untold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_export, setup, teardown),
		cmocka_unit_test_setup_teardown(test_formulas, setup, teardown),
		cmocka_unit_test(test_who_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
