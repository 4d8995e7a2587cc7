/* cmd_object - objects made, brought in, moved and let go (part 3: 12, 13, 24.1, 28). */
#include "tpm/talk/cmd_private.h"
#include "tpm/talk/talk_private.h"

void duplicate_clear(struct duplicate *d)
{
	buf_clear(&d->pub);
	buf_clear(&d->duplicate);
	buf_clear(&d->seed);
}

/* What Create and CreatePrimary are told. */
static void add_new(struct buf *params, const struct new_object *what)
{
	wire_add_sensitive_create(params, what->auth, what->data);
	cmd_add_area(params, what->template);
	wire_add_2b(params, BYTES_NONE); /* outsideInfo */
	buf_add_u32(params, 0);		 /* creationPCR */
}

static enum inro_err read_primary(struct bytes in, TPM2B_PUBLIC *ret_pub)
{
	struct bytes name;
	enum inro_err e = wire_read_public(&in, ret_pub);

	if (!e)
		e = cmd_skip_creation(&in);
	if (!e)
		e = wire_read_2b(&in, sizeof(TPMU_NAME), &name);
	return e ? e : wire_end(in);
}

/* What was made is no use when its description can't be read. */
static enum inro_err or_flush(struct tpm *t, enum inro_err e, uint32_t handle, uint32_t *ret_handle)
{
	if (!e) {
		*ret_handle = handle;
		return INRO_OK;
	}
	cmd_let_go(t, handle);
	return e;
}

enum inro_err cmd_create_primary(struct tpm *t, uint32_t hierarchy, struct bytes auth,
				 const struct new_object *what, uint32_t *ret_handle,
				 TPM2B_PUBLIC *ret_pub)
{
	struct tpm_command c = { .cc = TPM2_CC_CreatePrimary,
				 .handles = { ref_of(hierarchy) },
				 .auths = { by_auth(auth) },
				 .secret_in = true };
	SCOPED(buf) params = { .secret = true };
	SCOPED(buf) answer = { 0 };
	uint32_t handle;
	enum inro_err e;

	add_new(&params, what);
	e = cmd_send(t, &c, &params, &handle, &answer);
	if (e)
		return e;
	return or_flush(t, read_primary(buf_bytes(&answer), ret_pub), handle, ret_handle);
}

static enum inro_err read_created(struct bytes in, struct blob *ret)
{
	enum inro_err e = cmd_take_whole(&in, sizeof(_PRIVATE), &ret->priv);

	if (!e)
		e = cmd_take_whole(&in, sizeof(TPMT_PUBLIC), &ret->pub);
	if (!e)
		e = cmd_skip_creation(&in);
	return e ? e : wire_end(in);
}

enum inro_err cmd_create_by(struct tpm *t, const struct tpm_ref *parent, const struct tpm_auth *by,
			    const struct new_object *what, struct blob *ret)
{
	struct tpm_command c = {
		.cc = TPM2_CC_Create, .handles = { *parent }, .auths = { *by }, .secret_in = true
	};
	SCOPED(buf) params = { .secret = true };
	SCOPED(buf) answer = { 0 };
	SCOPED(blob) made = { 0 };
	enum inro_err e;

	add_new(&params, what);
	e = cmd_send(t, &c, &params, NULL, &answer);
	if (!e)
		e = read_created(buf_bytes(&answer), &made);
	if (e)
		return e;
	*ret = made;
	made = (struct blob) { 0 };
	return INRO_OK;
}

enum inro_err cmd_create(struct tpm *t, const struct tpm_ref *parent, struct bytes parent_auth,
			 const struct new_object *what, struct blob *ret)
{
	const struct tpm_auth by = by_auth(parent_auth);

	return cmd_create_by(t, parent, &by, what, ret);
}

/* Load, LoadExternal and ContextLoad give a handle; the first two also a Name, which is what the
 * public area says: the TPM has checked it. */
static enum inro_err bring_in(struct tpm *t, struct tpm_command *c, const struct buf *params,
			      uint32_t *ret_handle)
{
	SCOPED(buf) answer = { 0 };

	return cmd_send(t, c, params, ret_handle, &answer);
}

enum inro_err cmd_load(struct tpm *t, const struct tpm_ref *parent,
		       const struct tpm_auth *parent_auth, const struct blob *b,
		       uint32_t *ret_handle)
{
	struct tpm_command c = { .cc = TPM2_CC_Load,
				 .handles = { *parent },
				 .auths = { *parent_auth } };
	SCOPED(buf) params = { 0 };

	buf_add(&params, buf_bytes(&b->priv));
	buf_add(&params, buf_bytes(&b->pub));
	return bring_in(t, &c, &params, ret_handle);
}

enum inro_err cmd_load_external(struct tpm *t, const TPMT_PUBLIC *pub, uint32_t *ret_handle)
{
	struct tpm_command c = { .cc = TPM2_CC_LoadExternal };
	SCOPED(buf) params = { 0 };

	wire_add_2b(&params, BYTES_NONE);
	cmd_add_area(&params, pub);
	buf_add_u32(&params, TPM2_RH_NULL);
	return bring_in(t, &c, &params, ret_handle);
}

/* Public area, Name, qualified name. */
static enum inro_err read_described(struct bytes in, TPM2B_PUBLIC *ret, TPM2B_NAME *ret_name)
{
	struct bytes qualified;
	TPM2B_NAME own;
	enum inro_err e = wire_read_public(&in, ret);

	if (!e)
		e = crypt_name(&ret->publicArea, &own);
	if (!e)
		e = cmd_read_name_of(&in, &own, ret_name);
	if (!e)
		e = wire_read_2b(&in, sizeof(TPMU_NAME), &qualified);
	return e ? e : wire_end(in);
}

enum inro_err cmd_read_public(struct tpm *t, uint32_t handle, TPM2B_PUBLIC *ret,
			      TPM2B_NAME *ret_name)
{
	struct tpm_command c = { .cc = TPM2_CC_ReadPublic, .handles = { ref_of(handle) } };
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	enum inro_err e = cmd_send(t, &c, &params, NULL, &answer);

	return e ? e : read_described(buf_bytes(&answer), ret, ret_name);
}

enum inro_err cmd_evict(struct tpm *t, struct bytes owner_auth, const struct tpm_ref *object,
			uint32_t persistent)
{
	struct tpm_command c = { .cc = TPM2_CC_EvictControl,
				 .handles = { ref_of(TPM2_RH_OWNER), *object },
				 .auths = { by_auth(owner_auth) } };
	SCOPED(buf) params = { 0 };

	buf_add_u32(&params, persistent);
	return cmd_tell(t, &c, &params);
}

/* Its handle is a parameter. */
enum inro_err cmd_flush(struct tpm *t, uint32_t handle)
{
	struct tpm_command c = { .cc = TPM2_CC_FlushContext };
	SCOPED(buf) params = { 0 };

	buf_add_u32(&params, handle);
	return cmd_tell(t, &c, &params);
}

void cmd_let_go(struct tpm *t, uint32_t handle)
{
	SCOPED(err_kept) kept = err_keep();
	uint32_t rc = tpm_last_rc();

	if (cmd_flush(t, handle))
		err_reset();
	tpm_set_last_rc(rc);
}

enum inro_err cmd_context_save(struct tpm *t, uint32_t handle, struct buf *ret)
{
	struct tpm_command c = { .cc = TPM2_CC_ContextSave, .handles = { ref_of(handle) } };
	SCOPED(buf) params = { 0 };

	return cmd_send(t, &c, &params, NULL, ret);
}

enum inro_err cmd_context_load(struct tpm *t, struct bytes context, uint32_t *ret_handle)
{
	struct tpm_command c = { .cc = TPM2_CC_ContextLoad };
	SCOPED(buf) params = { 0 };

	buf_add(&params, context);
	return bring_in(t, &c, &params, ret_handle);
}

/* Commands that give a TPM2B_PRIVATE and nothing else. */
static enum inro_err ask_private(struct tpm *t, struct tpm_command *c, const struct buf *params,
				 struct buf *ret_private)
{
	SCOPED(buf) answer = { 0 };
	struct bytes in;
	enum inro_err e = cmd_send(t, c, params, NULL, &answer);

	if (e)
		return e;
	in = buf_bytes(&answer);
	e = cmd_take_whole(&in, sizeof(_PRIVATE), ret_private);
	return e ? e : wire_end(in);
}

enum inro_err cmd_object_change_auth(struct tpm *t, const struct tpm_ref *object, struct bytes auth,
				     const struct tpm_ref *parent, struct bytes new_auth,
				     struct buf *ret_private)
{
	struct tpm_command c = { .cc = TPM2_CC_ObjectChangeAuth,
				 .handles = { *object, *parent },
				 .auths = { by_auth(auth) },
				 .secret_in = true };
	SCOPED(buf) params = { .secret = true };

	wire_add_2b(&params, new_auth);
	return ask_private(t, &c, &params, ret_private);
}

static const TPMT_SYM_DEF no_inner_wrapper = { .algorithm = TPM2_ALG_NULL };

enum inro_err cmd_import(struct tpm *t, const struct tpm_ref *parent, struct bytes parent_auth,
			 const struct duplicate *d, struct buf *ret_private)
{
	struct tpm_command c = { .cc = TPM2_CC_Import,
				 .handles = { *parent },
				 .auths = { by_auth(parent_auth) } };
	SCOPED(buf) params = { 0 };

	wire_add_2b(&params, BYTES_NONE); /* encryptionKey */
	buf_add(&params, buf_bytes(&d->pub));
	buf_add(&params, buf_bytes(&d->duplicate));
	buf_add(&params, buf_bytes(&d->seed));
	wire_add_sym_def(&params, &no_inner_wrapper);
	return ask_private(t, &c, &params, ret_private);
}

static enum inro_err read_duplicate(struct bytes in, struct duplicate *ret)
{
	struct bytes key;
	enum inro_err e = wire_read_2b(&in, sizeof(TPM2B_DATA), &key);

	if (!e)
		e = cmd_take_whole(&in, sizeof(_PRIVATE), &ret->duplicate);
	if (!e)
		e = cmd_take_whole(&in, sizeof(TPMU_ENCRYPTED_SECRET), &ret->seed);
	return e ? e : wire_end(in);
}

enum inro_err cmd_duplicate(struct tpm *t, const struct tpm_ref *object,
			    const struct tpm_auth *policy, const struct tpm_ref *new_parent,
			    struct duplicate *ret)
{
	struct tpm_command c = { .cc = TPM2_CC_Duplicate,
				 .handles = { *object, *new_parent },
				 .auths = { *policy } };
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	enum inro_err e;

	wire_add_2b(&params, BYTES_NONE); /* encryptionKeyIn */
	wire_add_sym_def(&params, &no_inner_wrapper);
	e = cmd_send(t, &c, &params, NULL, &answer);
	return e ? e : read_duplicate(buf_bytes(&answer), ret);
}
