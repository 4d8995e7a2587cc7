/* enrolling - see enrolling.h. */
#include "tests/lib/enrolling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "base/clock.h"

#define OK(x) assert_int_equal(x, INRO_OK)

void enrolling_device(struct core *c, const char *id, const char *group, struct device *ret)
{
	OK(device_add(c, id, &(struct device_fields) { .group = group }, ret));
}

void enrolling_open(const char *name, struct enrolling *ret)
{
	static unsigned n;
	SCOPED(device_group) g = { 0 };
	char db[48];

	clock_set_test(ENROLLING_NOW);
	snprintf(ret->name, sizeof ret->name, "%s-%u", name, n++);
	snprintf(db, sizeof db, "%s.db", ret->name);
	ret->c = office_open(db);
	office_make_cas(ret->c, ret->name);
	OK(group_add(ret->c, "line", "{\"profile\": \"mqtt-client\", \"ca\": \"issuing\"}", &g));
	enrolling_device(ret->c, "dev", NULL, &ret->dev);
	enrolling_device(ret->c, "other", "line", &ret->other);
	OK(label_for(ret->c, "issuing", &ret->dev, &ret->tls));
}

void enrolling_close(struct enrolling *e)
{
	device_clear(&e->dev);
	device_clear(&e->other);
	core_close(e->c);
	clock_set_test(0);
}

static void set_name(X509_REQ *req, const char *type, const char *value)
{
	X509_NAME *name = X509_NAME_new();

	assert_true(X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
					       (const unsigned char *)value, -1, -1, 0));
	assert_true(X509_REQ_set_subject_name(req, name));
	X509_NAME_free(name);
}

static void add_attr(X509_REQ *req, const char *oid, struct bytes value)
{
	ASN1_OBJECT *type = OBJ_txt2obj(oid, 1);

	assert_true(X509_REQ_add1_attr_by_OBJ(req, type, V_ASN1_OCTET_STRING, value.p,
					      (int)value.n));
	ASN1_OBJECT_free(type);
}

void enrolling_request(EVP_PKEY *key, const char *type, const char *value, const char *oid, struct bytes id,
		       struct buf *ret)
{
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	int n;

	set_name(req, type, value);
	if (oid)
		add_attr(req, oid, id);
	assert_true(X509_REQ_set_pubkey(req, key));
	assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
	n = i2d_X509_REQ(req, &der);
	assert_true(n > 0);
	buf_reset(ret);
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	X509_REQ_free(req);
}

struct enrol enrolling_of(const struct enrolling *e, const struct device *d, const struct buf *csr)
{
	return (struct enrol) { .label = &e->tls, .device = d, .csr = buf_bytes(csr) };
}
