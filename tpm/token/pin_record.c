#include "tpm/token/pin_private.h"

#include "tpm/wire/crypt.h"

#define VERSION 1
#define LABEL	"inro tpm pin 1"
#define HASH	32

static enum inro_err hash_of(struct bytes content, struct bytes serial, TPM2B_DIGEST *ret)
{
	const struct bytes parts[] = { BYTES_LIT(LABEL), content, serial };

	return crypt_hash(TPM2_ALG_SHA256, parts, ARRAY_LEN(parts), ret);
}

enum inro_err pin_record_write(const struct pin_record *r, struct bytes serial, struct buf *ret)
{
	const struct bytes fields[] = { r->salt,       r->name,	       r->guard_pub, r->guard_priv,
					r->sealed_pub, r->sealed_priv, r->box };
	SCOPED(buf) record = { 0 };
	TPM2B_DIGEST hash;
	enum inro_err e;

	buf_add_u8(&record, VERSION);
	buf_add_u8(&record, r->user);
	buf_add_u32(&record, r->index);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		buf_add_field(&record, fields[i]);
	e = buf_err(&record);
	if (!e)
		e = hash_of(buf_bytes(&record), serial, &hash);
	if (e)
		return e;
	buf_add(&record, BYTES(hash.buffer, hash.size));
	buf_add(ret, buf_bytes(&record));
	return buf_err(ret);
}

static enum inro_err cannot_be(void)
{
	return err_set(INRO_E_DAMAGED, "this can't be the record of a PIN");
}

static enum inro_err read_fields(struct bytes in, struct pin_record *r)
{
	struct bytes *const fields[] = { &r->salt,	 &r->name,	 &r->guard_pub,
					 &r->guard_priv, &r->sealed_pub, &r->sealed_priv,
					 &r->box };
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && i < ARRAY_LEN(fields); i++)
		e = read_field(&in, fields[i]);
	return e || in.n > 0 || r->salt.n != PIN_SALT ? cannot_be() : INRO_OK;
}

enum inro_err pin_record_index(struct bytes in, struct pin_record *ret)
{
	struct pin_record r = { 0 };
	uint8_t version;
	enum inro_err e;

	if (in.n < HASH)
		return cannot_be();
	in.n -= HASH;
	if (read_u8(&in, &version) || read_u8(&in, &r.user) || read_u32(&in, &r.index))
		return cannot_be();
	if (version != VERSION || !pin_index_can_be(r.index))
		return cannot_be();
	e = read_fields(in, &r);
	if (!e)
		*ret = r;
	return e;
}

enum inro_err pin_record_read(struct bytes in, struct bytes serial, CK_USER_TYPE user,
			      struct pin_record *ret)
{
	struct pin_record r;
	TPM2B_DIGEST hash;
	enum inro_err e = pin_record_index(in, &r);

	if (!e)
		e = hash_of(BYTES(in.p, in.n - HASH), serial, &hash);
	if (e)
		return e;
	if (!bytes_equal(BYTES(hash.buffer, hash.size), BYTES(in.p + in.n - HASH, HASH)))
		return err_set(INRO_E_DAMAGED,
			       "the record of the PIN was changed, or is another token's");
	if (r.user != user)
		return err_set(INRO_E_DAMAGED, "the PIN record is another role's");
	*ret = r;
	return INRO_OK;
}
