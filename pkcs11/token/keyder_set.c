/*
 * keyder_set - keys of ML-DSA, SLH-DSA and ML-KEM in DER: the parameter set's OID is the algorithm.
 *
 * Public keys are bare bytes, and so is a private key of SLH-DSA (RFC 9909 4, 6).  One of ML-DSA
 * and ML-KEM is a choice of [0] the seed, the expanded key as OCTET STRING, or a SEQUENCE of both
 * (RFC 9881 6, RFC 9935 6); what is known is written, so that neither is lost.
 */
#include "pkcs11/token/keyder_private.h"
#include "pkcs11/token/setkind.h"

/* Empty parts are not there. */
static enum inro_err check_size(const char *what, struct bytes part, size_t n)
{
	return part.n == 0 || part.n == n ? INRO_OK
					  : err_set(INRO_E_ATTR_VALUE,
						    "%s of this parameter set has %zu bytes, not "
						    "%zu",
						    what, n, part.n);
}

static enum inro_err check(const struct key_parts *parts, const struct param_set **ret)
{
	const struct param_set *set;
	enum inro_err e = setkind_find(parts->kind, parts->set, &set);

	if (!e)
		e = check_size("the public key", parts->point, set->public);
	if (!e)
		e = check_size("the private key", parts->value, set->private);
	if (!e)
		e = check_size("the seed", parts->seed, set->seed);
	if (!e)
		*ret = set;
	return e;
}

static bool set_owns(struct bytes oid)
{
	return paramset_of_oid(oid) != NULL;
}

static enum inro_err set_read_algorithm(struct bytes oid, struct bytes rest,
					struct key_parts *parts)
{
	const struct param_set *set = paramset_of_oid(oid);

	parts->kind = setkind_of(set);
	parts->set = set->set;
	return rest.n ? err_set(INRO_E_SYNTAX, "parameters where there must be none") : INRO_OK;
}

static enum inro_err set_read_public(struct bytes bits, struct key_parts *parts)
{
	const struct param_set *set;

	parts->point = bits;
	if (bits.n == 0)
		return err_set(INRO_E_SYNTAX, "a public key without a value");
	return check(parts, &set);
}

static enum inro_err read_both(struct bytes in, struct key_parts *parts)
{
	struct bytes seq;
	enum inro_err e = der_only(in, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take(&seq, DER_OCTET_STRING, &parts->seed);
	if (!e)
		e = der_take(&seq, DER_OCTET_STRING, &parts->value);
	if (!e && (parts->seed.n == 0 || parts->value.n == 0))
		e = err_set(INRO_E_SYNTAX, "a private key with an empty part");
	return e ? e : keyder_nothing_left(seq);
}

static enum inro_err read_choice(struct bytes in, struct key_parts *parts)
{
	if (der_peek(in) == (DER_CONTEXT | 0))
		return der_only(in, DER_CONTEXT | 0, &parts->seed);
	if (der_peek(in) == DER_SEQUENCE)
		return read_both(in, parts);
	return der_only(in, DER_OCTET_STRING, &parts->value);
}

static enum inro_err set_read_private(struct bytes octets, struct key_parts *parts)
{
	const struct param_set *set;
	enum inro_err e = INRO_OK;

	if (parts->kind == KEY_SLH_DSA)
		parts->value = octets;
	else
		e = read_choice(octets, parts);
	if (!e && parts->value.n == 0 && parts->seed.n == 0)
		e = err_set(INRO_E_SYNTAX, "a private key without a value");
	return e ? e : check(parts, &set);
}

static void set_write_algorithm(const struct key_parts *parts, struct buf *b)
{
	const struct param_set *set;

	if (!check(parts, &set))
		buf_add(b, set->oid);
}

static enum inro_err set_write_public(const struct key_parts *parts, struct buf *b)
{
	const struct param_set *set;
	enum inro_err e = check(parts, &set);

	if (!e && parts->point.n == 0)
		return err_set(INRO_E_TEMPLATE_INCOMPLETE, "a public key needs its value");
	buf_add(b, parts->point);
	return e;
}

static void write_choice(const struct key_parts *parts, struct buf *b)
{
	bool both = parts->seed.n && parts->value.n;
	size_t seq = both ? der_begin(b, DER_SEQUENCE) : 0;

	if (parts->seed.n)
		der_add(b, both ? DER_OCTET_STRING : DER_CONTEXT | 0, parts->seed);
	if (parts->value.n)
		der_add(b, DER_OCTET_STRING, parts->value);
	if (both)
		der_end(b, seq);
}

static enum inro_err set_write_private(const struct key_parts *parts, struct buf *b)
{
	const struct param_set *set;
	enum inro_err e = check(parts, &set);

	if (!e && parts->value.n == 0 && parts->seed.n == 0)
		return err_set(INRO_E_TEMPLATE_INCOMPLETE,
			       "a private key needs its value or its seed");
	if (e)
		return e;
	if (set->seed)
		write_choice(parts, b);
	else
		buf_add(b, parts->value);
	return INRO_OK;
}

const struct keyder_form keyder_set = {
	.owns = set_owns,
	.read_algorithm = set_read_algorithm,
	.read_public = set_read_public,
	.read_private = set_read_private,
	.read_behind = set_read_public,
	.write_algorithm = set_write_algorithm,
	.write_public = set_write_public,
	.write_private = set_write_private,
};
