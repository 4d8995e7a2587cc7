/* mech - finding and opening a mechanism; what a parameter leaves behind. */
#include "pkcs11/token/mech.h"

#include "pkcs11/token/libctx.h"
#include "pkcs11/token/mech_private.h"
#include "pkcs11/token/settings.h"

static const struct {
	unsigned use;
	CK_FLAGS flag;
} use_flags[] = {
	{ USE_SIGN, CKF_SIGN },
	{ USE_VERIFY, CKF_VERIFY },
	{ USE_ENCRYPT, CKF_ENCRYPT },
	{ USE_DECRYPT, CKF_DECRYPT },
	{ USE_DERIVE, CKF_DERIVE },
	{ USE_WRAP, CKF_WRAP },
	{ USE_UNWRAP, CKF_UNWRAP },
	{ USE_GENERATE, CKF_GENERATE },
	{ USE_GENERATE_PAIR, CKF_GENERATE_KEY_PAIR },
	{ USE_DIGEST, CKF_DIGEST },
	{ USE_SIGN_RECOVER, CKF_SIGN_RECOVER },
	{ USE_VERIFY_RECOVER, CKF_VERIFY_RECOVER },
	{ USE_ENCAPSULATE, CKF_ENCAPSULATE },
	{ USE_DECAPSULATE, CKF_DECAPSULATE },
};

const struct mech *mech_at(size_t i)
{
	return i < mech_rows_n ? &mech_rows[i] : NULL;
}

const struct mech *mech_find(CK_MECHANISM_TYPE type)
{
	size_t low = 0, high = mech_rows_n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (mech_rows[mid].type == type)
			return &mech_rows[mid];
		if (mech_rows[mid].type < type)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool mech_offered(const struct mech *m, const CK_MECHANISM_TYPE *backend)
{
	if (m->traits & MECH_LEGACY && !settings_get()->legacy)
		return false;
	if (m->digest != 0 && libctx_md_size(m->digest) == 0)
		return false;
	if (m->raw == 0)
		return true;
	while (*backend < m->raw)
		backend++;
	return *backend == m->raw;
}

static CK_FLAGS message_flags(const struct mech *m)
{
	CK_FLAGS flags = 0;

	if (m->traits & MECH_AEAD)
		flags |= CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;
	if (m->uses & USE_SIGN)
		flags |= CKF_MESSAGE_SIGN;
	if (m->uses & USE_VERIFY)
		flags |= CKF_MESSAGE_VERIFY;
	if (m->uses & (USE_SIGN | USE_VERIFY) && !(m->traits & MECH_ONE_PART))
		flags |= CKF_MULTI_MESSAGE;
	return flags;
}

CK_FLAGS mech_flags(const struct mech *m)
{
	CK_FLAGS flags = m->flags | message_flags(m);

	for (size_t i = 0; i < ARRAY_LEN(use_flags); i++) {
		if (m->uses & use_flags[i].use)
			flags |= use_flags[i].flag;
	}
	return flags;
}

bool mech_takes(const struct mech *m, enum key_kind kind, CK_KEY_TYPE type)
{
	if (kind == KEY_NONE || (kind != m->key && kind != m->also))
		return false;
	if (kind != KEY_SECRET || !m->types)
		return true;
	for (const CK_KEY_TYPE *t = m->types; *t != CK_UNAVAILABLE_INFORMATION; t++) {
		if (*t == type)
			return true;
	}
	return false;
}

static bool has_no_size(enum key_kind kind)
{
	return kind == KEY_ML_DSA || kind == KEY_SLH_DSA || kind == KEY_ML_KEM;
}

bool mech_takes_size(const struct mech *m, CK_ULONG size)
{
	if (m->max == 0 || has_no_size(m->key))
		return true;
	if (m->traits & MECH_SIZE_BITS)
		return size >= m->min / 8 && size <= m->max / 8;
	return size >= m->min && size <= m->max;
}

/* ---- the room of a parameter ---- */

enum inro_err mech_room(struct mech_use *u, size_t n)
{
	if (n <= sizeof u->small) {
		u->at = u->small;
		u->left = sizeof u->small;
		return INRO_OK;
	}
	return mech_room_big(u, n);
}

enum inro_err mech_room_big(struct mech_use *u, size_t n)
{
	u->at = buf_extend(&u->big, n);
	u->left = n;
	return buf_err(&u->big);
}

struct bytes mech_keep(struct mech_use *u, struct bytes from)
{
	uint8_t *at = u->at;

	if (from.n == 0 || from.n > u->left)
		return BYTES_NONE;
	for (size_t i = 0; i < from.n; i++)
		at[i] = from.p[i];
	u->at += from.n;
	u->left -= from.n;
	return BYTES(at, from.n);
}

/* ---- open ---- */

/* What was not taken into use stays as it was; `small` is only worth as much as was written. */
static void empty(struct mech_use *u)
{
	u->mech = NULL;
	u->spec = (struct use_spec) { 0 };
	u->other = 0;
	u->password = BYTES_NONE;
	u->fresh_bits = 0;
	u->more = NULL;
	u->more_n = 0;
	u->at = u->small;
	u->left = sizeof u->small;
	u->big = (struct buf) { 0 };
}

void mech_use_clear(struct mech_use *u)
{
	if (u->big.p)
		buf_clear(&u->big);
	empty(u);
}

enum inro_err mech_open(const CK_MECHANISM *mechanism, enum key_use use,
			const CK_MECHANISM_TYPE *backend, struct mech_use *ret)
{
	const struct mech *m;
	enum inro_err e;

	empty(ret);
	if (!mechanism)
		return err_set(INRO_E_ARG, "no mechanism is given");
	m = mech_find(mechanism->mechanism);
	if (!m || !(m->uses & use) || !mech_offered(m, backend))
		return err_set(INRO_E_MECHANISM, "mechanism 0x%lx is not offered for this",
			       mechanism->mechanism);
	if (mechanism->ulParameterLen > 0 && !mechanism->pParameter)
		return err_set(INRO_E_MECHANISM_PARAM, "a parameter with a length but no value");
	ret->mech = m;
	ret->spec.mech = m->type;
	e = m->param(BYTES(mechanism->pParameter, mechanism->ulParameterLen), use, ret);
	if (e)
		mech_use_clear(ret);
	return e;
}
