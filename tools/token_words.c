#include "tools/token_words.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static const char *const sessions[] = { "hmac", "password", NULL };

const struct cmd_opt token_word_opts[] = {
	{ .name = "tcti",
	  .arg = "TCTI",
	  .kind = OPT_TEXT,
	  .help = "which TPM: device:/dev/tpmrm0 (taken when it is there), swtpm:path=SOCKET, "
		  "swtpm:host=HOST,port=PORT, tabrmd:, libtpms: (one in INRO_HOME)" },
	{ .name = "pcr",
	  .arg = "BANK:LIST",
	  .kind = OPT_TEXT,
	  .help = "the TPM opens the token only while these PCRs are as they are now: "
		  "sha256:0,2,7" },
	{ .name = "root",
	  .arg = "HANDLE",
	  .kind = OPT_TEXT,
	  .help = "persistent handle of the TPM's storage root; 0x81000001" },
	{ .name = "owner-auth",
	  .arg = "FILE",
	  .kind = OPT_FILE,
	  .help = "the TPM owner's password, one line; read whenever it is needed" },
	{ .name = "root-auth",
	  .arg = "FILE",
	  .kind = OPT_FILE,
	  .help = "the storage root's password, likewise" },
	{ .name = "endorsement-auth",
	  .arg = "FILE",
	  .kind = OPT_FILE,
	  .help = "the endorsement hierarchy's password, likewise" },
	{ .name = "session",
	  .kind = OPT_CHOICE,
	  .choices = sessions,
	  .help = "how commands are authorised; password only with libtpms:" },
	{ .name = "only-tpm",
	  .kind = OPT_FLAG,
	  .help = "no key but those that the TPM itself holds and uses" },
	{ 0 },
};

enum inro_err token_words_check(const struct call *c)
{
	const char *backend = call_opt(c, "backend");

	if (backend && strcmp(backend, "tpm") == 0)
		return INRO_OK;
	for (const struct cmd_opt *o = token_word_opts; o->name; o++)
		if (call_has(c, o->name))
			return err_set(INRO_E_ARG, "--%s goes with --backend tpm", o->name);
	return INRO_OK;
}

/* From wherever the program runs later. */
static enum inro_err add_file(const char *name, const char *path, struct buf *ret)
{
	char *whole = realpath(path, NULL);

	if (!whole)
		return err_set(INRO_E_NOT_FOUND, "--%s %s: there is no such file", name, path);
	buf_addf(ret, "%s=file:%s\n", name, whole);
	free(whole);
	return buf_err(ret);
}

static enum inro_err add_word(const struct call *c, const struct cmd_opt *o, struct buf *ret)
{
	const char *value = call_opt(c, o->name);

	if (!value)
		return INRO_OK;
	if (o->kind == OPT_FILE)
		return add_file(o->name, value, ret);
	if (o->kind == OPT_FLAG)
		buf_add_str(ret, "sealed=no\n");
	else
		buf_addf(ret, "%s=%s\n", o->name, value);
	return buf_err(ret);
}

enum inro_err token_words(const struct call *c, struct buf *ret)
{
	enum inro_err e = INRO_OK;

	for (const struct cmd_opt *o = token_word_opts; !e && o->name; o++)
		e = add_word(c, o, ret);
	return e;
}
