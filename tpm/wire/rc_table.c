/* rc_table - every response code of part 2, 6.6, and the base codes of the TSS layers: what it
 * means here and in words. */
#include "tpm/wire/rc_table.h"

#include <tss2/tss2_tpm2_types.h>

#include "base/own.h"

#define ROW(code, err, text)                                                                       \
	{                                                                                          \
		TPM2_RC_##code, INRO_##err, "TPM_RC_" #code, text                                  \
	}

static const struct rc_row tpm_rows[] = {
	ROW(SUCCESS, OK, "done"),
	ROW(BAD_TAG, E_TOKEN, "the tag of the command is unknown, or this is a TPM 1.2"),
	/* format one */
	ROW(ASYMMETRIC, E_UNSUPPORTED, "this TPM does not have that asymmetric algorithm"),
	ROW(ATTRIBUTES, E_KEY_USE, "the attributes do not fit together or forbid this"),
	ROW(HASH, E_UNSUPPORTED, "this TPM does not have that hash, or not for this use"),
	ROW(VALUE, E_ARG, "a value is out of range or wrong in this place"),
	ROW(HIERARCHY, E_ACCESS, "the hierarchy is switched off or is the wrong one"),
	ROW(KEY_SIZE, E_UNSUPPORTED, "this TPM does not have keys of that size"),
	ROW(MGF, E_UNSUPPORTED, "this TPM does not have that mask generation function"),
	ROW(MODE, E_UNSUPPORTED, "this TPM does not have that mode of operation"),
	ROW(TYPE, E_KEY_TYPE, "the object is of a type that can't do this"),
	ROW(HANDLE, E_NOT_FOUND, "nothing is there under that handle, or nothing that fits"),
	ROW(KDF, E_UNSUPPORTED, "this TPM does not have that key derivation, or not for this"),
	ROW(RANGE, E_ARG, "a value is out of the range that is allowed"),
	ROW(AUTH_FAIL, E_ACCESS, "the authorisation is wrong, and the TPM counted it"),
	ROW(NONCE, E_TOKEN, "a nonce has the wrong size or value"),
	ROW(PP, E_ACCESS, "somebody must show the TPM that he is there in person"),
	ROW(SCHEME, E_UNSUPPORTED, "this TPM does not have that scheme, or not for this key"),
	ROW(SIZE, E_ARG, "something has the wrong size"),
	ROW(SYMMETRIC, E_UNSUPPORTED, "this TPM does not have that cipher or key size"),
	ROW(TAG, E_TOKEN, "a structure begins with the wrong tag"),
	ROW(SELECTOR, E_TOKEN, "a structure is of a kind that the TPM does not know"),
	ROW(INSUFFICIENT, E_TOKEN, "the command ended too early for the TPM"),
	ROW(SIGNATURE, E_SIGNATURE, "the signature is not good"),
	ROW(KEY, E_KEY_TYPE, "the key's fields do not fit this use"),
	ROW(POLICY_FAIL, E_POLICY, "the policy is not fulfilled"),
	ROW(INTEGRITY, E_DAMAGED, "it was changed, or belongs to another TPM or parent"),
	ROW(TICKET, E_TOKEN, "a ticket is not good"),
	ROW(RESERVED_BITS, E_TOKEN, "bits are set that must not be"),
	ROW(BAD_AUTH, E_ACCESS, "the authorisation is wrong; the TPM does not count it"),
	ROW(EXPIRED, E_POLICY, "the policy has expired"),
	ROW(POLICY_CC, E_POLICY, "the policy is for another command"),
	ROW(BINDING, E_DAMAGED, "the public and the private half do not belong together"),
	ROW(CURVE, E_UNSUPPORTED, "this TPM does not have that curve"),
	ROW(ECC_POINT, E_PUBLIC_KEY, "the point is not on its curve"),
	/* format zero: errors */
	ROW(INITIALIZE, E_TOKEN, "the TPM was not started up, or was already"),
	ROW(FAILURE, E_TOKEN, "the TPM failed; it may do nothing more until it is reset"),
	ROW(SEQUENCE, E_STATE, "a sequence is used the wrong way"),
	ROW(PRIVATE, E_TOKEN, "a private error of the TPM"),
	ROW(HMAC, E_TOKEN, "an HMAC error of the TPM"),
	ROW(DISABLED, E_UNSUPPORTED, "the command is switched off in this TPM"),
	ROW(EXCLUSIVE, E_BUSY, "an audit by another wants the TPM for itself"),
	ROW(AUTH_TYPE, E_ACCESS, "this may not be authorised in that way"),
	ROW(AUTH_MISSING, E_ACCESS, "an authorisation is needed and missing"),
	ROW(POLICY, E_POLICY, "the policy can't be evaluated or is none"),
	ROW(PCR, E_POLICY, "the PCRs do not have the values that are wanted"),
	ROW(PCR_CHANGED, E_POLICY, "a PCR changed after the policy looked at it"),
	ROW(UPGRADE, E_BUSY, "the TPM's firmware is being upgraded"),
	ROW(TOO_MANY_CONTEXTS, E_BUSY,
	    "the TPM's counter of saved contexts is at its end; it must "
	    "be reset"),
	ROW(AUTH_UNAVAILABLE, E_ACCESS, "it has no auth value or policy that could be used"),
	ROW(REBOOT, E_TOKEN, "the machine must be started anew before the TPM goes on"),
	ROW(UNBALANCED, E_UNSUPPORTED, "the hash is too short for the cipher's key"),
	ROW(COMMAND_SIZE, E_TOKEN, "the command's size is not what it says"),
	ROW(COMMAND_CODE, E_UNSUPPORTED, "this TPM does not have that command"),
	ROW(AUTHSIZE, E_TOKEN, "the authorisations' size is not what it says"),
	ROW(AUTH_CONTEXT, E_TOKEN, "this command takes no sessions"),
	ROW(NV_RANGE, E_ARG, "that is beyond the end of the NV index"),
	ROW(NV_SIZE, E_TOO_BIG, "the NV index would be larger than the TPM allows"),
	ROW(NV_LOCKED, E_ACCESS, "the NV index is locked"),
	ROW(NV_AUTHORIZATION, E_ACCESS, "the NV index may not be used with that authorisation"),
	ROW(NV_UNINITIALIZED, E_STATE,
	    "the NV index was never written, or the TPM's state was "
	    "lost"),
	ROW(NV_SPACE, E_FULL, "the TPM's NV memory is full"),
	ROW(NV_DEFINED, E_EXISTS, "that NV index or persistent handle is taken"),
	ROW(BAD_CONTEXT, E_DAMAGED, "a saved context is not good"),
	ROW(CPHASH, E_POLICY, "the policy is for other parameters"),
	ROW(PARENT, E_KEY_TYPE, "that key can't be a parent"),
	ROW(NEEDS_TEST, E_TOKEN, "the TPM must test itself first"),
	ROW(NO_RESULT, E_TOKEN, "the TPM came to no result"),
	ROW(SENSITIVE, E_DAMAGED, "the private half can't be read after decryption"),
	/* format zero: warnings */
	ROW(CONTEXT_GAP, E_BUSY, "a saved session has become too old for the TPM"),
	ROW(OBJECT_MEMORY, E_BUSY, "all of the TPM's places for loaded objects are taken"),
	ROW(SESSION_MEMORY, E_BUSY, "all of the TPM's places for sessions are taken"),
	ROW(MEMORY, E_NO_MEMORY, "the TPM has no memory left"),
	ROW(SESSION_HANDLES, E_BUSY, "the TPM has no session handles left"),
	ROW(OBJECT_HANDLES, E_BUSY, "the TPM has no object handles left; it must be reset"),
	ROW(LOCALITY, E_ACCESS, "the command is not allowed from this locality"),
	ROW(YIELDED, E_BUSY, "the TPM put the command off; it may be sent again"),
	ROW(CANCELED, E_CANCEL, "the command was cancelled"),
	ROW(TESTING, E_BUSY, "the TPM is testing itself"),
	ROW(REFERENCE_H0, E_NOT_FOUND, "that object or session is not loaded"),
	ROW(REFERENCE_S0, E_NOT_FOUND, "that authorisation session is not loaded"),
	ROW(NV_RATE, E_BUSY, "the TPM slows down writes to spare its NV memory: try again later"),
	ROW(LOCKOUT, E_BUSY,
	    "too many wrong authorisations of what the TPM protects as a whole, which is no token's "
	    "PIN: it is locked for a while; tpm2_dictionarylockout --clear-lockout ends that"),
	ROW(RETRY, E_BUSY, "the TPM could not start the command; it may be sent again"),
	ROW(NV_UNAVAILABLE, E_BUSY, "the TPM's NV memory can't be reached now"),
	ROW(NOT_USED, E_TOKEN, "a code that no TPM should answer"),
};

#undef ROW
#define ROW(code, err, text)                                                                       \
	{                                                                                          \
		TSS2_BASE_RC_##code, INRO_##err, #code, text                                       \
	}

static const struct rc_row base_rows[] = {
	ROW(GENERAL_FAILURE, E_TOKEN, "it failed without a reason"),
	ROW(NOT_IMPLEMENTED, E_UNSUPPORTED, "it can't do that"),
	ROW(BAD_CONTEXT, E_TOKEN, "its context is none"),
	ROW(ABI_MISMATCH, E_CONFIG, "it is of another version than its caller"),
	ROW(BAD_REFERENCE, E_TOKEN, "it was given no pointer"),
	ROW(INSUFFICIENT_BUFFER, E_TOKEN, "the buffer is too small"),
	ROW(BAD_SEQUENCE, E_STATE, "it was called out of turn"),
	ROW(NO_CONNECTION, E_IO, "there is no connection to the TPM"),
	ROW(TRY_AGAIN, E_BUSY, "it took too long; it may be tried again"),
	ROW(IO_ERROR, E_IO, "the TPM can't be read from or written to"),
	ROW(BAD_VALUE, E_ARG, "a value is wrong; is the name of the TPM written as it should be?"),
	ROW(NOT_PERMITTED, E_ACCESS, "that is not permitted"),
	ROW(INVALID_SESSIONS, E_TOKEN, "the sessions do not fit the command"),
	ROW(NO_DECRYPT_PARAM, E_TOKEN, "the command has no parameter to decrypt"),
	ROW(NO_ENCRYPT_PARAM, E_TOKEN, "the command has no parameter to encrypt"),
	ROW(BAD_SIZE, E_TOKEN, "a size is wrong"),
	ROW(MALFORMED_RESPONSE, E_TOKEN, "the answer can't be read"),
	ROW(INSUFFICIENT_CONTEXT, E_TOKEN, "the context is too small"),
	ROW(INSUFFICIENT_RESPONSE, E_TOKEN, "the answer is too short"),
	ROW(INCOMPATIBLE_TCTI, E_CONFIG, "the transport is of an unusable version"),
	ROW(NOT_SUPPORTED, E_UNSUPPORTED, "that is not supported"),
	ROW(BAD_TCTI_STRUCTURE, E_TOKEN, "the transport's context is none"),
	ROW(MEMORY, E_NO_MEMORY, "out of memory"),
	ROW(BAD_TR, E_TOKEN, "the handle is none"),
	ROW(MULTIPLE_DECRYPT_SESSIONS, E_TOKEN, "two sessions decrypt"),
	ROW(MULTIPLE_ENCRYPT_SESSIONS, E_TOKEN, "two sessions encrypt"),
	ROW(RSP_AUTH_FAILED, E_TOKEN, "the answer is not the TPM's own: its HMAC is wrong"),
};

#undef ROW
#define ROW(layer, text)                                                                           \
	{                                                                                          \
		TSS2_##layer##_RC_LAYER >> TSS2_RC_LAYER_SHIFT, INRO_OK, "TSS2_" #layer "_RC",     \
			text                                                                       \
	}

static const struct rc_row layer_rows[] = {
	ROW(TPM, "the TPM itself"),
	ROW(FEATURE, "the feature API"),
	ROW(ESAPI, "the enhanced system API"),
	ROW(SYS, "the system API"),
	ROW(MU, "marshalling"),
	ROW(TCTI, "the transport to the TPM"),
	ROW(RESMGR, "the resource manager"),
	ROW(RESMGR_TPM, "the resource manager in the TPM's stead"),
};

const struct rc_rows rc_tpm = { tpm_rows, ARRAY_LEN(tpm_rows) };
const struct rc_rows rc_base = { base_rows, ARRAY_LEN(base_rows) };
const struct rc_rows rc_layer = { layer_rows, ARRAY_LEN(layer_rows) };
