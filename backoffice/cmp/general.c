/*
 * general - genm (RFC 9483 4.3): certificates of CAs, a root's new key, revocation lists, what a request
 * should have.
 *
 * 1. What is asked for and is not there is answered by its type without a value.
 */
#include "backoffice/cmp/turn.h"
#include "backoffice/core/ca.h"
#include "backoffice/core/crl.h"
#include "backoffice/core/enrol.h"
#include "backoffice/pki/csrattrs.h"
#include "backoffice/pki/pubkey.h"
#include "base/der.h"

#define IT(last) BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x04" last) /* id-it */
#define ASKED_MAX 8
#define LISTS_MAX ((size_t)4 << 20) /* octets of all in a message; no more is ever read */

/* Answers one; `value` is what was sent with it. */
typedef enum inro_err info_fn(struct turn *t, struct bytes value, struct buf *ret);

static enum inro_err ca_certs(struct turn *t, struct bytes value, struct buf *ret)
{
	SCOPED(chain) chain = { 0 };
	size_t list;
	enum inro_err e = ca_chain(t->core, t->label.ca, 0, &chain);

	(void)value;
	if (e != INRO_OK || !chain.n)
		return e;
	list = der_begin(ret, DER_SEQUENCE);
	for (size_t i = 0; i < chain.n; i++)
		buf_add(ret, blob_bytes(&chain.certs[i]));
	der_end(ret, list);
	return buf_err(ret);
}

/* ---- a root's new key ---- */

static void add_tagged(struct buf *b, unsigned number, struct bytes cert)
{
	size_t outer;

	if (!cert.n)
		return;
	outer = der_begin(b, DER_EXPLICIT(number));
	buf_add(b, cert);
	der_end(b, outer);
}

static enum inro_err root_name(struct turn *t, struct buf *ret)
{
	SCOPED(ca_view) v = { 0 };
	enum inro_err e = ca_get(t->core, t->label.ca, &v);

	for (int depth = 0; e == INRO_OK && v.parent_name && depth < 16; depth++) {
		SCOPED(ca_view) above = { 0 };

		e = ca_get(t->core, v.parent_name, &above);
		if (e != INRO_OK)
			break;
		ca_view_clear(&v);
		v = above;
		above = (struct ca_view) { 0 };
	}
	if (e != INRO_OK)
		return e;
	buf_add_str(ret, v.rec.name);
	buf_add_u8(ret, 0);
	return buf_err(ret);
}

/* The step from the root that the sender has to the next one. */
static enum inro_err add_step(struct buf *ret, struct bytes new, const struct ca_generation *g)
{
	size_t seq = der_begin(ret, DER_SEQUENCE);

	buf_add(ret, new);
	add_tagged(ret, 0, blob_bytes(&g->new_with_old));
	add_tagged(ret, 1, blob_bytes(&g->old_with_new));
	der_end(ret, seq);
	return buf_err(ret);
}

static enum inro_err find_step(struct turn *t, const char *root, struct bytes old, struct buf *ret)
{
	SCOPED(ca_view) v = { 0 };
	struct ca_keys keys = { 0 };
	enum inro_err e = ca_get(t->core, root, &v);

	if (e == INRO_OK)
		e = ca_keys(t->core, root, &keys);
	for (size_t i = 0; e == INRO_OK && i < keys.n; i++) {
		const struct ca_generation *g = &keys.items[i].rec;

		if (!old.n || !bytes_equal(old, blob_bytes(&g->cert)))
			continue;
		e = add_step(ret, blob_bytes(&v.rec.cert), g);
		break;
	}
	ca_keys_clear(&keys);
	return e;
}

static enum inro_err root_update(struct turn *t, struct bytes value, struct buf *ret)
{
	SCOPED(buf) root = { 0 };
	enum inro_err e = root_name(t, &root);

	return e == INRO_OK ? find_step(t, (const char *)root.p, value, ret) : e;
}

/* ---- what a request should have ---- */

static void add_control(struct buf *b, const char *oid, struct bytes value)
{
	size_t seq = der_begin(b, DER_SEQUENCE);

	der_add_oid(b, oid);
	buf_add(b, value);
	der_end(b, seq);
}

/* keySpec: id-regCtrl-algId, or the length of an RSA key. */
static enum inro_err add_key(struct buf *b, const struct csrattrs *wanted)
{
	SCOPED(buf) alg = { 0 };
	SCOPED(buf) bits = { 0 };
	size_t list;
	enum inro_err e = csrattrs_algorithm(wanted, &alg);

	if (e != INRO_OK || !alg.n)
		return e;
	der_add_int(&bits, wanted->profile->rsa_min);
	list = der_begin(b, DER_SEQUENCE);
	if (wanted->key_types == PKI_KEY_BIT(PKI_RSA))
		add_control(b, "1.3.6.1.5.5.7.5.1.12", buf_bytes(&bits));
	else
		add_control(b, "1.3.6.1.5.5.7.5.1.11", buf_bytes(&alg));
	der_end(b, list);
	return buf_err(b);
}

static enum inro_err add_template(struct buf *b, const struct csrattrs *wanted)
{
	size_t seq = der_begin(b, DER_SEQUENCE), outer;
	SCOPED(buf) subject = { 0 };
	enum inro_err e = csrattrs_name(wanted, &subject);

	if (e == INRO_OK && subject.n) {
		outer = der_begin(b, DER_EXPLICIT(5));
		buf_add(b, buf_bytes(&subject));
		der_end(b, outer);
	}
	if (e == INRO_OK)
		e = csrattrs_extensions(wanted, DER_EXPLICIT(9), b);
	der_end(b, seq);
	return e == INRO_OK ? buf_err(b) : e;
}

static enum inro_err as_template(void *arg, const struct csrattrs *wanted)
{
	struct buf *b = arg;
	size_t seq = der_begin(b, DER_SEQUENCE);
	enum inro_err e = add_template(b, wanted);

	if (e == INRO_OK)
		e = add_key(b, wanted);
	der_end(b, seq);
	return e;
}

static enum inro_err request_template(struct turn *t, struct bytes value, struct buf *ret)
{
	(void)value;
	return enrol_with_wanted(t->core, &t->label, &t->device, as_template, ret);
}

/* ---- lists ---- */

static enum inro_err add_list(struct turn *t, unsigned shard, struct buf *ret)
{
	const struct crl_wish w = { .ca = t->label.ca, .shard = shard };
	struct crl_out out;
	enum inro_err e = crl_newest(t->core, &w, &out);

	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (e == INRO_OK)
		e = crl_published(t->core, &w, &out, ret);
	if (e == INRO_E_NOT_FOUND) /* a part of a list is none */
		return turn_refuse(t, CMP_FAIL_SYSTEM_UNAVAIL, INRO_E_BUSY, "newer lists come out just now; ask again");
	if (e == INRO_E_TOO_BIG)
		return turn_refuse(t, CMP_FAIL_SYSTEM_UNAVAIL, e,
				   "the lists are too long for a message: get them from where the certificates say");
	return e;
}

static enum inro_err newest_list(struct turn *t, struct buf *ret)
{
	SCOPED(ca_view) v = { 0 };
	unsigned shard, last;
	enum inro_err e = ca_get(t->core, t->label.ca, &v);

	last = v.policy.shards;
	for (shard = last ? 1 : 0; e == INRO_OK && shard <= last; shard++)
		e = add_list(t, shard, ret);
	return e;
}

/* What is left of it for the next list; one octet bounds as well as none, which would be no bound. */
static size_t room_of(const struct turn *t)
{
	return t->body.n < LISTS_MAX ? LISTS_MAX - t->body.n : 1;
}

/* All that the CA has published last, whichever were named: a part of it is no use without the rest. */
static enum inro_err crls(struct turn *t, struct bytes value, struct buf *ret)
{
	SCOPED(buf) der = { .max = room_of(t) };
	enum inro_err e = newest_list(t, &der);

	(void)value;
	if (e == INRO_OK && der.n)
		der_add(ret, DER_SEQUENCE, buf_bytes(&der));
	return e == INRO_OK ? buf_err(ret) : e;
}

/* RFC 9810 5.3.19.6: the one list; nothing when there is none yet. */
static enum inro_err current_crl(struct turn *t, struct bytes value, struct buf *ret)
{
	SCOPED(ca_view) v = { 0 };
	enum inro_err e = ca_get(t->core, t->label.ca, &v);

	(void)value;
	if (e == INRO_OK && v.policy.shards)
		return turn_refuse(t, CMP_FAIL_BAD_REQUEST, INRO_E_UNSUPPORTED,
				   "this CA has no one list: ask for crlStatusList, or get the list "
				   "that the certificate names");
	ret->max = room_of(t);
	return e == INRO_OK ? add_list(t, 0, ret) : e;
}

/* ---- by their type ---- */

static const struct info {
	struct bytes asked, answered;
	info_fn *run;
} infos[] = {
	{ IT("\x11"), IT("\x11"), ca_certs },	      /* caCerts */
	{ IT("\x14"), IT("\x12"), root_update },      /* rootCaCert, rootCaKeyUpdate */
	{ IT("\x12"), IT("\x12"), root_update },      /* as RFC 4210 clients ask */
	{ IT("\x13"), IT("\x13"), request_template }, /* certReqTemplate */
	{ IT("\x16"), IT("\x17"), crls },	      /* crlStatusList, crls */
	{ IT("\x06"), IT("\x06"), current_crl },      /* currentCRL */
};

static void add_info(struct buf *b, struct bytes oid, struct bytes value)
{
	size_t seq = der_begin(b, DER_SEQUENCE);

	der_add(b, DER_OID, oid);
	buf_add(b, value);
	der_end(b, seq);
}

static enum inro_err answer_one(struct turn *t, struct bytes oid, struct bytes sent)
{
	SCOPED(buf) value = { 0 };
	const struct info *i = infos;
	enum inro_err e;

	while (i < infos + ARRAY_LEN(infos) && !bytes_equal(i->asked, oid))
		i++;
	if (i == infos + ARRAY_LEN(infos)) { /* RFC 9810 5.3.19: what is not known is ignored */
		add_info(&t->body, oid, BYTES_NONE);
		return buf_err(&t->body);
	}
	e = i->run(t, sent, &value);
	if (e == INRO_OK)
		add_info(&t->body, i->answered, buf_bytes(&value));
	return e == INRO_OK ? buf_err(&t->body) : e;
}

enum inro_err turn_general(struct turn *t)
{
	struct bytes list, oid, value;
	size_t body = der_begin(&t->body, DER_EXPLICIT(CMP_GENP)),
	       out = der_begin(&t->body, DER_SEQUENCE);
	enum inro_err e = der_only(t->in.body, DER_SEQUENCE, &list);

	for (int n = 0; e == INRO_OK && list.n; n++) {
		if (n == ASKED_MAX)
			return err_set(INRO_E_TOO_BIG, "more than %d questions", ASKED_MAX);
		e = cmp_next_info(&list, &oid, &value);
		if (e == INRO_OK)
			e = answer_one(t, oid, value);
	}
	der_end(&t->body, out);
	der_end(&t->body, body);
	return e == INRO_OK ? buf_err(&t->body) : e;
}
