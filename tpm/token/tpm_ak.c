/* tpm_ak - the attestation key. */
#include "tpm/token/tpm_ak.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/homedir.h"
#include "tpm/talk/session.h"

#define MAX_BLOB ((size_t)4096)

static const TPMT_PUBLIC ak_template = {
	.type = TPM2_ALG_ECC,
	.nameAlg = TPM2_ALG_SHA256,
	.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
			    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
			    TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT,
	.parameters.eccDetail = { .symmetric.algorithm = TPM2_ALG_NULL,
				  .scheme = { .scheme = TPM2_ALG_ECDSA,
					      .details.ecdsa.hashAlg = TPM2_ALG_SHA256 },
				  .curveID = TPM2_ECC_NIST_P256,
				  .kdf.scheme = TPM2_ALG_NULL },
};

void ek_auth_end(struct tpm *t, struct tpm_auth *auth)
{
	if (auth->by == BY_POLICY)
		session_end(t, auth->policy);
	*auth = (struct tpm_auth) { 0 };
}

/* ---- its file ---- */

static enum inro_err path_of(const struct ek *ek, char **ret)
{
	AUTO(free_chars) char *home = NULL;
	AUTO(free_chars) char *dir = NULL;
	AUTO(free_chars) char *name = NULL;
	SCOPED(buf) text = { 0 };
	enum inro_err e = homedir(true, &home);

	if (e)
		return e;
	buf_add_str(&text, "ak-");
	buf_add_hex(&text, BYTES(ek->name.name, ek->name.size));
	name = buf_take_str(&text);
	dir = file_join(home, "tpm");
	e = dir && name ? file_make_dir(dir) : INRO_E_NO_MEMORY;
	if (e)
		return e;
	*ret = file_join(dir, name);
	return *ret ? INRO_OK : INRO_E_NO_MEMORY;
}

/* Both halves, one behind the other. */
static enum inro_err read_blob(const char *path, struct blob *ret)
{
	SCOPED(buf) text = { 0 };
	struct bytes in, half, pub, priv;
	enum inro_err e = file_read(path, MAX_BLOB, &text);

	in = buf_bytes(&text);
	if (!e)
		e = wire_read_2b(&in, MAX_BLOB, &half);
	if (e)
		return e;
	pub = BYTES(text.p, text.n - in.n);
	priv = in;
	e = wire_read_2b(&in, MAX_BLOB, &half);
	if (!e)
		e = wire_end(in);
	return e ? e : blob_fill(ret, pub, priv);
}

static enum inro_err write_blob(const char *path, const struct blob *b)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e;

	buf_add(&text, buf_bytes(&b->pub));
	buf_add(&text, buf_bytes(&b->priv));
	e = buf_err(&text);
	if (!e)
		e = file_write_new(path, 0600, buf_bytes(&text));
	if (!e)
		file_give(path);
	return e;
}

/* ---- making, loading ---- */

static enum inro_err create(struct tpm *t, const struct ek *ek, struct blob *ret)
{
	const struct new_object what = { .template = &ak_template };
	struct tpm_auth auth;
	enum inro_err e = root_ek_auth(t, ek, &auth);

	if (e)
		return e;
	e = cmd_create_by(t, &ek->ref, &auth, &what, ret);
	ek_auth_end(t, &auth);
	return e;
}

static enum inro_err set_name(struct ak *ak)
{
	struct bytes in = buf_bytes(&ak->blob.pub);
	TPM2B_PUBLIC pub;
	enum inro_err e = wire_read_public(&in, &pub);

	if (!e)
		e = crypt_name(&pub.publicArea, &ak->name);
	ak->ref.name = BYTES(ak->name.name, ak->name.size);
	return e;
}

static enum inro_err load(struct tpm *t, const struct ek *ek, struct ak *ak)
{
	struct tpm_auth auth;
	enum inro_err e = root_ek_auth(t, ek, &auth);

	if (e)
		return e;
	e = cmd_load(t, &ek->ref, &auth, &ak->blob, &ak->ref.handle);
	ek_auth_end(t, &auth);
	return e;
}

/* When two processes make one at the same time, the file's is the one. */
static enum inro_err make(struct tpm *t, const struct ek *ek, const char *path, struct ak *ak)
{
	enum inro_err e = create(t, ek, &ak->blob);

	if (!e)
		e = write_blob(path, &ak->blob);
	if (e == INRO_E_EXISTS) {
		blob_clear(&ak->blob);
		e = read_blob(path, &ak->blob);
	}
	if (!e)
		e = set_name(ak);
	return e ? e : load(t, ek, ak);
}

/* The TPM does not know its own key in it.  What it refuses for another reason (it was reset, it is
 * busy) is told. */
static bool is_refused(enum inro_err e)
{
	static const uint32_t refused[] = { TPM2_RC_INTEGRITY,	  TPM2_RC_SIZE,
					    TPM2_RC_INSUFFICIENT, TPM2_RC_KEY,
					    TPM2_RC_BINDING,	  TPM2_RC_TYPE,
					    TPM2_RC_VALUE };
	uint32_t rc = rc_plain(tpm_last_rc());

	for (size_t i = 0; e && i < ARRAY_LEN(refused); i++)
		if (rc == refused[i])
			return true;
	return false;
}

/* A file that is damaged, or whose key this TPM does not take, is as none: *ret_useless. */
static enum inro_err load_kept(struct tpm *t, const struct ek *ek, const char *path, struct ak *ak,
			       bool *ret_useless)
{
	enum inro_err e = read_blob(path, &ak->blob);

	*ret_useless = e == INRO_E_NOT_FOUND || e == INRO_E_SYNTAX || e == INRO_E_TOO_BIG;
	if (e)
		return e;
	e = set_name(ak);
	*ret_useless = e != INRO_OK;
	if (e)
		return e;
	e = load(t, ek, ak);
	*ret_useless = is_refused(e);
	return e;
}

enum inro_err ak_load(struct tpm *t, const struct ek *ek, struct ak *ret)
{
	AUTO(free_chars) char *path = NULL;
	struct ak ak = { 0 };
	bool useless = false;
	enum inro_err e = path_of(ek, &path);

	if (e)
		return e;
	e = load_kept(t, ek, path, &ak, &useless);
	if (useless) {
		(void)unlink(path);
		blob_clear(&ak.blob);
		e = make(t, ek, path, &ak);
	}
	if (e) {
		blob_clear(&ak.blob);
		return err_context(e, "the attestation key");
	}
	*ret = ak;
	ret->ref.name = BYTES(ret->name.name, ret->name.size);
	return INRO_OK;
}

void ak_end(struct tpm *t, struct ak *ak)
{
	if (ak->ref.handle)
		cmd_let_go(t, ak->ref.handle);
	blob_clear(&ak->blob);
	*ak = (struct ak) { 0 };
}
