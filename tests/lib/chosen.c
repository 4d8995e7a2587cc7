/* chosen - see chosen.h. */
#include "tests/lib/chosen.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/scratch.h"
#include "tests/lib/swtpm.h"

#define SKIPPED 77

static void set(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0)
		exit(1);
}

static void home_of_softhsm(void)
{
	char conf[4096], dir[4096];
	FILE *f;

	snprintf(conf, sizeof conf, "%s", scratch_path("softhsm.conf"));
	snprintf(dir, sizeof dir, "%s", scratch_path("softhsm"));
	f = fopen(conf, "w");
	if (!f || mkdir(dir, 0700) != 0)
		exit(1);
	fprintf(f, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
		dir);
	fclose(f);
	set("SOFTHSM2_CONF", conf);
}

static struct swtpm *tpm;

/* In a TPM of its own. */
static void home_of_tpm2_pkcs11(void)
{
	char dir[4096];

	snprintf(dir, sizeof dir, "%s", scratch_path("tpm2-pkcs11"));
	if (mkdir(dir, 0700) != 0)
		exit(1);
	set("TPM2_PKCS11_STORE", dir);
	tpm = swtpm_start(SWTPM_UNIX);
	set("TPM2_PKCS11_TCTI", swtpm_tcti(tpm));
}

static const struct row {
	const char *name, *path; /* a pattern; NULL: our own */
	void (*make_home)(void);
} rows[] = {
	{ "inro", NULL, NULL },
	{ "softhsm", "/usr/lib/softhsm/libsofthsm2.so", home_of_softhsm },
	{ "tpm2-pkcs11", "/usr/lib/*/pkcs11/libtpm2_pkcs11.so", home_of_tpm2_pkcs11 },
};

static const struct row *chosen(void)
{
	const char *name = getenv("INRO_TEST_MODULE");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].name, name && *name ? name : "inro") == 0)
			return &rows[i];
	fprintf(stderr, "INRO_TEST_MODULE=%s is no module of ours to test\n", name);
	exit(1);
}

bool chosen_is_ours(void)
{
	return !chosen()->path;
}

static void find(const struct row *row, char *ret, size_t size)
{
	glob_t found;

	if (glob(row->path, 0, NULL, &found) != 0) {
		printf("skipped: %s is not installed: tools/check installs it\n", row->name);
		exit(SKIPPED);
	}
	snprintf(ret, size, "%s", found.gl_pathv[0]);
	globfree(&found);
}

const char *chosen_module(void)
{
	static char path[4096];
	const struct row *row = chosen();

	snprintf(path, sizeof path, "%s/lib/inro-pkcs11.so", getenv("INRO_TEST_BUILD"));
	if (!row->path)
		return path;
	find(row, path, sizeof path);
	row->make_home();
	return path;
}

void chosen_made(void)
{
	if (tpm && swtpm_shell(tpm, "tpm2_flushcontext -t") != 0)
		exit(1);
}

bool chosen_can(const char *what)
{
	char path[4096], line[512], module[32], lacks[32], words[256];
	bool can = true;
	FILE *f;

	snprintf(path, sizeof path, "%s/tests/lib/lacking.txt", getenv("INRO_TEST_SOURCE"));
	f = fopen(path, "r");
	if (!f)
		exit(1);
	while (can && fgets(line, sizeof line, f))
		if (sscanf(line, "%31s %31s %255[^\n]", module, lacks, words) == 3 &&
		    strcmp(module, chosen()->name) == 0 && strcmp(lacks, what) == 0) {
			printf("passed over: %s %s\n", module, words);
			can = false;
		}
	fclose(f);
	return can;
}
