/*
 * conf - settings from an INI file, [section] key = value, later lines win.
 *
 * Lines may be indented; one of more than 197 bytes is refused.  What follows " ;" or stands on a
 * line that begins with ; or # is a comment.
 *
 * INRO_CONFIG names the file, also for forked children that have lost it; default
 * /etc/inro/inro.conf; a missing default file is an empty one.
 */
#ifndef INRO_BASE_CONF_H
#define INRO_BASE_CONF_H

#include "base/bytes.h"

struct conf;

MUST_CHECK enum inro_err conf_open(const char *path, struct conf **ret); /* NULL: the default */
MUST_CHECK enum inro_err conf_parse(struct bytes text, const char *name, struct conf **ret);
void conf_free(struct conf *c);
void conf_free_ptr(struct conf **c); /* for AUTO() */

/* NULL when it is not set. */
const char *conf_get(const struct conf *c, const char *section, const char *key);

/* Every setting in the order of the file. */
size_t conf_count(const struct conf *c);
void conf_item(const struct conf *c, size_t i, const char **ret_section, const char **ret_key,
	       const char **ret_value);

/* The line that the i-th setting stands on, from 1. */
int conf_line(const struct conf *c, size_t i);

/* The n-th value of a key that may be given more than once; NULL behind the last. */
const char *conf_get_nth(const struct conf *c, const char *section, const char *key, size_t n);

/* Name of the file that was read, for error texts. */
const char *conf_name(const struct conf *c);

#endif
