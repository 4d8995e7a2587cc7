#include "tools/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/conf.h"

const struct conf_setting settings_table[] = {
	{ "home", "INRO_HOME", "the folder of tokens and of the embedded database" },
	{ "database", "INRO_DB", "the back office's database, sqlite:PATH or postgresql://USER@HOST/DATABASE" },
	{ "module", "INRO_MODULE", "another Cryptoki module in place of inro-pkcs11.so" },
	{ 0 },
};

static const struct conf_setting *find(const char *key)
{
	const struct conf_setting *s = settings_table;

	while (s->key && strcmp(s->key, key) != 0)
		s++;
	return s->key ? s : NULL;
}

static enum inro_err apply(const struct conf *c, size_t i)
{
	const char *section, *key, *value;
	const struct conf_setting *s;

	conf_item(c, i, &section, &key, &value);
	/* The module, or the server, reads it, and says what is wrong in it. */
	if (strcmp(section, "token") == 0 || strcmp(section, "serve") == 0)
		return INRO_OK;
	if (strcmp(section, "inro") != 0)
		return err_set(INRO_E_CONFIG,
			       "%s: there is no section [%s], only [inro], [token] and [serve]",
			       conf_name(c), section);
	s = find(key);
	if (!s)
		return err_set(
			INRO_E_CONFIG,
			"%s: [inro] has no setting '%s'; there are home, database and module",
			conf_name(c), key);
	/* later lines win, so the last one is looked up */
	value = conf_get(c, section, key);
	return setenv(s->env, value, 0) == 0 ? INRO_OK : INRO_E_NO_MEMORY;
}

enum inro_err settings_apply(void)
{
	AUTO(conf_free_ptr) struct conf *c = NULL;
	enum inro_err e = conf_open(NULL, &c);

	for (size_t i = 0; !e && i < conf_count(c); i++)
		e = apply(c, i);
	return e;
}
