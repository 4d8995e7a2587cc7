/* commands - the table of commands.h. */
#include "tpm/talk/commands.h"

#include <stddef.h>

#define ROW(cc, in, authorised, flag)                                                              \
	[TPM2_CC_##cc - COMMANDS_FIRST] = {                                                        \
		.name = "TPM2_" #cc, .handles = in, .auths = authorised, .flags = flag             \
	}
#define SIZED (CMD_SIZED_IN | CMD_SIZED_OUT)
#define AGAIN CMD_REPEATABLE

/* Not repeatable is what would fail, count or happen twice; whether PolicySecret and NV_Read count
 * wrong PINs, their handles tell (run.c). */
static const struct command_row rows[COMMANDS_SPAN] = {
	/* the TPM itself */
	ROW(Startup, 0, 0, 0),
	ROW(GetCapability, 0, 0, AGAIN),
	ROW(GetRandom, 0, 0, AGAIN | CMD_SIZED_OUT),
	ROW(PCR_Read, 0, 0, AGAIN),
	ROW(PCR_Extend, 1, 1, 0),
	ROW(ReadClock, 0, 0, AGAIN),
	ROW(TestParms, 0, 0, AGAIN),
	/* sessions */
	ROW(StartAuthSession, 2, 0, AGAIN | SIZED | CMD_HANDLE_OUT | CMD_MAKES),
	ROW(PolicySecret, 2, 1, AGAIN | SIZED),
	ROW(PolicyCommandCode, 1, 0, AGAIN),
	ROW(PolicyOR, 1, 0, AGAIN),
	ROW(PolicyPCR, 1, 0, AGAIN | CMD_SIZED_IN),
	ROW(PolicyAuthValue, 1, 0, AGAIN),
	ROW(PolicyGetDigest, 1, 0, AGAIN | CMD_SIZED_OUT),
	/* objects */
	ROW(CreatePrimary, 1, 1, AGAIN | SIZED | CMD_HANDLE_OUT | CMD_MAKES),
	ROW(Create, 1, 1, AGAIN | SIZED),
	ROW(Load, 1, 1, AGAIN | SIZED | CMD_HANDLE_OUT | CMD_MAKES),
	ROW(LoadExternal, 0, 0, AGAIN | SIZED | CMD_HANDLE_OUT | CMD_MAKES),
	ROW(ReadPublic, 1, 0, AGAIN | CMD_SIZED_OUT),
	ROW(EvictControl, 2, 1, CMD_DURABLE),
	ROW(FlushContext, 0, 0, AGAIN | CMD_ENDS_PARAM),
	ROW(ContextSave, 1, 0, AGAIN),
	ROW(ContextLoad, 0, 0, AGAIN | CMD_HANDLE_OUT | CMD_MAKES),
	ROW(ObjectChangeAuth, 2, 1, AGAIN | SIZED),
	ROW(Import, 1, 1, AGAIN | SIZED),
	ROW(Duplicate, 2, 1, AGAIN | SIZED),
	ROW(MakeCredential, 1, 0, AGAIN | SIZED),
	ROW(ActivateCredential, 2, 2, AGAIN | SIZED),
	/* use */
	ROW(Unseal, 1, 1, AGAIN | CMD_SIZED_OUT),
	ROW(Sign, 1, 1, AGAIN | CMD_SIZED_IN),
	ROW(RSA_Decrypt, 1, 1, AGAIN | SIZED),
	ROW(ECDH_ZGen, 1, 1, AGAIN | SIZED),
	ROW(HMAC, 1, 1, AGAIN | SIZED),
	ROW(HMAC_Start, 1, 1, AGAIN | CMD_SIZED_IN | CMD_HANDLE_OUT | CMD_MAKES),
	ROW(SequenceUpdate, 1, 1, CMD_SIZED_IN),
	ROW(SequenceComplete, 1, 1, SIZED | CMD_ENDS_FIRST),
	ROW(EncryptDecrypt2, 1, 1, AGAIN | SIZED),
	ROW(Certify, 2, 2, AGAIN | SIZED),
	/* NV */
	ROW(NV_DefineSpace, 1, 1, CMD_DURABLE | CMD_SIZED_IN),
	ROW(NV_UndefineSpace, 2, 1, CMD_DURABLE),
	ROW(NV_ReadPublic, 1, 0, AGAIN | CMD_SIZED_OUT),
	ROW(NV_Read, 2, 1, AGAIN | CMD_SIZED_OUT),
	ROW(NV_Write, 2, 1, AGAIN | CMD_DURABLE | CMD_SIZED_IN),
	ROW(NV_ChangeAuth, 1, 1, AGAIN | CMD_DURABLE | CMD_SIZED_IN),
};

const struct command_row *command_row(TPM2_CC cc)
{
	const struct command_row *row;

	if (cc < COMMANDS_FIRST || cc - COMMANDS_FIRST >= COMMANDS_SPAN)
		return NULL;
	row = &rows[cc - COMMANDS_FIRST];
	return row->name ? row : NULL;
}
