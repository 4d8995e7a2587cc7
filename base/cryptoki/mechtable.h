/* mechtable - the table of mechanisms, apart from mechname.c for its length. */
#ifndef INRO_BASE_CRYPTOKI_MECHTABLE_H
#define INRO_BASE_CRYPTOKI_MECHTABLE_H

#include "base/cryptoki/mechname.h"

struct cryptoki_names {
	const struct cryptoki_name *rows;
	size_t n;
};

extern const struct cryptoki_names cryptoki_mechs;

#endif
