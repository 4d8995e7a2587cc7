/* library - see library.h. */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

static enum inro_err unusable(const struct library *l, const char *why)
{
	return err_set(INRO_E_CONFIG, "%s can't be used (%s); install %s", l->what,
		       why ? why : l->file, l->remedy);
}

enum inro_err library_load(const struct library *l, void *functions)
{
	void *library = dlopen(l->file, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return unusable(l, dlerror());
	for (size_t i = 0; i < l->n; i++) {
		void *f = dlsym(library, l->rows[i].name);

		if (!f)
			return unusable(l, l->rows[i].name);
		/* dlsym() gives a pointer to no particular type */
		memcpy((char *)functions + l->rows[i].at, &f, sizeof f);
	}
	return INRO_OK;
}
