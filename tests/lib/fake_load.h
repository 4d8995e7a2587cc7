/* fake_load - opens one of the fake modules through the client and gives its knobs, all cleared. */
#ifndef INRO_TESTS_LIB_FAKE_LOAD_H
#define INRO_TESTS_LIB_FAKE_LOAD_H

#include "base/cryptoki/client.h"
#include "tests/lib/fake_p11.h"

#define FAKE_PLAIN "fake-p11.so"
#define FAKE_OURS  "fake-p11-admin.so"

/* Its path, in static room. */
const char *fake_path(const char *file);
/* The knobs, cleared but for one slot with an initialised token "line1". */
struct fake *fake_reset(const char *file);
/* The same, and the module opened; ends the test when it can't be. */
struct fake *fake_open(const char *file, struct ck_module **ret);

#endif
