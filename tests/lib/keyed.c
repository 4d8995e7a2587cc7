/* keyed - see keyed.h. */
#include "tests/lib/keyed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/seal.h"
#include "base/clock.h"

#define OK(x) assert_int_equal(x, INRO_OK)

int64_t keyed_certify_more(struct core *c, const char *device, EVP_PKEY *key)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cert = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .device = device };

	office_csr(key, device, &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, &cert));
	return cert.rec.id;
}

void keyed_certify(struct core *c, const char *device, EVP_PKEY *key)
{
	SCOPED(device) d = { 0 };

	OK(device_add(c, device, NULL, &d));
	(void)keyed_certify_more(c, device, key);
}

void keyed_open(const char *name, struct keyed *ret)
{
	const struct seal_key_request r = { .token = "line" };
	AUTO(free_chars) char *uri = NULL;
	char db[32];

	clock_set_test(KEYED_NOW);
	snprintf(db, sizeof db, "%s.db", name);
	ret->c = office_open(db);
	office_make_cas(ret->c, name);
	ret->keys[0] = office_key("P-256");
	ret->keys[1] = office_key("rsa:2048");
	keyed_certify(ret->c, "dev-0", ret->keys[0]);
	keyed_certify(ret->c, "dev-1", ret->keys[1]);
	OK(seal_key_set(ret->c, &r, &uri));
}

void keyed_close(struct keyed *k)
{
	core_close(k->c);
	EVP_PKEY_free(k->keys[0]);
	EVP_PKEY_free(k->keys[1]);
}

void keyed_make(struct core *c, const char *device, const char *type, char ref[static 24], struct buf *ret)
{
	const struct symkey_request r = { .device = device, .type = type, .name = "a name" };
	const struct symkey_delivery raw = { .form = SYMKEY_RAW };
	SCOPED(symkey) k = { 0 };
	SCOPED(symkey) same = { 0 };

	OK(symkey_issue(c, &r, &k));
	assert_int_equal(k.state, CRED_ACTIVE);
	snprintf(ref, 24, "%lld", (long long)k.rec.id);
	OK(symkey_deliver(c, ref, &raw, &same, ret));
	assert_int_equal(same.rec.id, k.rec.id);
}
