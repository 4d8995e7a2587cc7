/* cred - certificates found and shown; see cred.h. */
#include "backoffice/core/cred.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/core/internal.h"
#include "backoffice/core/move.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"

#define REF_ID_DIGITS  9
#define REF_PREFIX_MIN 4 /* octets of a fingerprint */
#define REF_MAX	       96

enum cred_state cred_shown_state(const struct credential *rec, int64_t now)
{
	int to;

	if (rec->not_after >= now)
		return rec->state;
	if (lifecycle_move(life_of_cred(rec->kind), (int)rec->state, VERB_EXPIRE, ROLE_ADMIN,
			   &to) != INRO_OK)
		return rec->state;
	return (enum cred_state)to;
}

void cred_clear(struct cred *c)
{
	credential_clear(&c->rec);
	free(c->device_id);
	free(c->ca_name);
	free(c->own_ca_name);
	free(c->kin);
	*c = (struct cred) { 0 };
}

/* known: it was read before; NULL: it is looked up. */
static enum inro_err name_of_ca(struct core *c, int64_t id, const char *known, char **ret)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e;

	if (!id)
		return INRO_OK;
	if (known)
		return text_set(ret, known);
	e = store_get(c->store, id, &ca);
	if (e != INRO_OK)
		return e;
	*ret = ca.name;
	ca.name = NULL;
	return INRO_OK;
}

static enum inro_err name_of_device(struct core *c, int64_t id, const char *known, char **ret)
{
	SCOPED(device) d = { 0 };
	enum inro_err e;

	if (!id)
		return INRO_OK;
	if (known)
		return text_set(ret, known);
	e = store_get(c->store, id, &d);
	if (e != INRO_OK)
		return e;
	*ret = d.device_id;
	d.device_id = NULL;
	return INRO_OK;
}

enum inro_err cred_view_named(struct core *c, struct credential *rec, struct cred_names known,
			      struct cred *ret)
{
	struct cred v = { 0 };
	enum inro_err e = name_of_device(c, rec->device, known.device, &v.device_id);

	if (e == INRO_OK)
		e = name_of_ca(c, rec->ca, known.ca, &v.ca_name);
	if (e == INRO_OK)
		e = name_of_ca(c, rec->own_ca, NULL, &v.own_ca_name);
	if (e != INRO_OK) {
		cred_clear(&v);
		return e;
	}
	v.state = cred_shown_state(rec, clock_now());
	v.reason = rec->revoked_at ? crl_reason_name((unsigned)rec->reason) : NULL;
	v.rec = *rec;
	*rec = (struct credential) { 0 };
	*ret = v;
	v = (struct cred) { 0 };
	return INRO_OK;
}

enum inro_err cred_view(struct core *c, struct credential *rec, struct cred *ret)
{
	return cred_view_named(c, rec, (struct cred_names) { 0 }, ret);
}

/* How a certificate may be named: tried in this order unless the reference says which. */
struct ref {
	const char *text; /* without "id:" */
	uint8_t hex[REF_MAX / 2];
	size_t hex_n; /* 0: it is not whole octets of hex */
	bool only_id, only_serial, only_print;
};

static bool take_word(struct ref *r, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(r->text, word, n) != 0)
		return false;
	r->text += n;
	return true;
}

static void read_hex(struct ref *r)
{
	char digits[REF_MAX];
	size_t n = 0;

	for (const char *s = r->text; *s && n < sizeof digits; s++)
		if (*s != ':')
			digits[n++] = *s;
	if (hex_decode(BYTES(digits, n), r->hex, sizeof r->hex, &r->hex_n) != INRO_OK)
		r->hex_n = 0;
}

static enum inro_err read_ref(const char *text, struct ref *r)
{
	*r = (struct ref) { .text = text_or_empty(text) };
	r->only_id = take_word(r, "id:");
	r->only_serial = !r->only_id && take_word(r, "serial:");
	r->only_print = !r->only_id && !r->only_serial && take_word(r, "sha256:");
	if (!*r->text || strlen(r->text) >= REF_MAX)
		return err_set(INRO_E_ARG, "a certificate is named by its id, serial or the "
					   "beginning of its fingerprint");
	read_hex(r);
	return INRO_OK;
}

static enum inro_err by_id(struct core *c, const struct ref *r, struct credential *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "kind", .number = CRED_CERTIFICATE },
		{ .field = "id", .number = strtoll(r->text, NULL, 10) },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	size_t n = strlen(r->text);

	if (r->only_serial || r->only_print || n > REF_ID_DIGITS ||
	    strspn(r->text, "0123456789") != n)
		return INRO_E_NOT_FOUND;
	return store_find(c->store, &q, ret);
}

static enum inro_err by_bytes(struct core *c, const char *field, enum store_op op,
			      struct bytes value, struct credential *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "kind", .number = CRED_CERTIFICATE },
		{ .field = field, .op = op, .bytes = value },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}

static enum inro_err by_serial(struct core *c, const struct ref *r, struct credential *ret)
{
	struct bytes serial = BYTES(r->hex, r->hex_n);

	if (r->only_id || r->only_print || !serial.n)
		return INRO_E_NOT_FOUND;
	while (serial.n > 1 && serial.p[0] == 0)
		serial = BYTES(serial.p + 1, serial.n - 1);
	return by_bytes(c, "serial", STORE_EQ, serial, ret);
}

static enum inro_err by_print(struct core *c, const struct ref *r, struct credential *ret)
{
	if (r->only_id || r->only_serial || r->hex_n < REF_PREFIX_MIN)
		return INRO_E_NOT_FOUND;
	return by_bytes(c, "fingerprint", STORE_PREFIX, BYTES(r->hex, r->hex_n), ret);
}

typedef enum inro_err finder(struct core *c, const struct ref *r, struct credential *ret);
static finder *const finders[] = { by_id, by_serial, by_print };

enum inro_err cred_load(struct core *c, const char *ref, struct credential *ret)
{
	struct ref r;
	enum inro_err e = read_ref(ref, &r);

	if (e != INRO_OK)
		return e;
	e = INRO_E_NOT_FOUND;
	for (size_t i = 0; e == INRO_E_NOT_FOUND && i < ARRAY_LEN(finders); i++)
		e = finders[i](c, &r, ret);
	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "no certificate '%s'; 'inro cert list' shows the ones there are", ref);
	if (e == INRO_E_AMBIGUOUS)
		return err_set(e, "'%s' names more than one certificate; give more of it", ref);
	return e;
}

enum inro_err cred_get(struct core *c, const char *ref, struct cred *ret)
{
	SCOPED(credential) rec = { 0 };
	enum inro_err e = cred_load(c, ref, &rec);

	return e == INRO_OK ? cred_view(c, &rec, ret) : e;
}
