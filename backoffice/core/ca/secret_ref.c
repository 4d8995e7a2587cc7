/* secret_ref - see secret_ref.h. */
#include "backoffice/core/ca/secret_ref.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"

static enum inro_err from_file(const char *path, struct secret *ret)
{
	enum inro_err e = file_read_secret(path, ret);

	return e == INRO_OK ? e : err_context(e, "the password in %s", path);
}

static enum inro_err from_env(const char *name, struct secret *ret)
{
	const char *value = getenv(name);

	if (!value || !*value)
		return err_set(INRO_E_CONFIG, "the password is to be in the environment as %s, which is "
					      "not set",
			       name);
	return secret_copy(bytes_of(value), ret);
}

static enum inro_err from_credential(const char *name, struct secret *ret)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	AUTO(free_chars) char *path = folder ? file_join(folder, name) : NULL;

	if (!folder)
		return err_set(INRO_E_CONFIG, "the password is a service's credential '%s', and this is "
					      "no service with credentials",
			       name);
	if (!path)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	return from_file(path, ret);
}

static const struct {
	const char *scheme;
	enum inro_err (*read)(const char *rest, struct secret *ret);
} kinds[] = {
	{ "file:", from_file },
	{ "env:", from_env },
	{ "credential:", from_credential },
};

/* Below 0: of no kind. */
static int kind_of(const char *ref)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t n = strlen(kinds[i].scheme);

		if (strncmp(ref, kinds[i].scheme, n) == 0 && ref[n])
			return (int)i;
	}
	return -1;
}

/* What is read by its kind: of a file its path. */
static enum inro_err named(const char *ref, int k, const char **ret)
{
	if (kinds[k].read == from_file)
		return file_uri_path(ref, ret);
	*ret = ref + strlen(kinds[k].scheme);
	return INRO_OK;
}

enum inro_err secret_ref_check(const char *ref)
{
	int k = kind_of(ref);
	const char *name;

	if (k >= 0)
		return named(ref, k, &name);
	/* Not what it says: it may be a password. */
	return err_set(INRO_E_ARG, "where a password is, is said as file:PATH, env:NAME or "
				   "credential:NAME");
}

enum inro_err secret_ref_read(const char *ref, struct secret *ret)
{
	const char *name = NULL;
	int k = kind_of(ref);
	enum inro_err e = k < 0 ? secret_ref_check(ref) : named(ref, k, &name);

	return e == INRO_OK ? kinds[k].read(name, ret) : e;
}
