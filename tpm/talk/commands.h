/*
 * commands - what tpm_run() must know about each command: TCG TPM 2.0 Library part 3, as a table.
 */
#ifndef INRO_TPM_TALK_COMMANDS_H
#define INRO_TPM_TALK_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include <tss2/tss2_tpm2_types.h>

enum command_flag {
	CMD_HANDLE_OUT = 1 << 0, /* the response has a handle */
	CMD_SIZED_IN = 1 << 1,	 /* the first parameter is a TPM2B: it can be encrypted */
	CMD_SIZED_OUT = 1 << 2,	 /* so is that of the response */
	CMD_DURABLE = 1 << 3,	 /* what it changes must survive a power cut */
	CMD_MAKES = 1 << 4,	 /* the handle is of a transient object or session: held */
	CMD_ENDS_FIRST = 1 << 5, /* the object of its first handle is gone when it is done */
	CMD_ENDS_PARAM = 1 << 6, /* the object whose handle is its parameter is gone */
	CMD_REPEATABLE = 1 << 7, /* doing it twice is the same as once */
};

struct command_row {
	const char *name; /* NULL: not a command that is used here */
	uint8_t handles;  /* in its handle area */
	uint8_t auths;	  /* of the first handles that want authorisation */
	uint16_t flags;	  /* enum command_flag */
};

/* Commands are counted by their place in the table. */
#define COMMANDS_FIRST TPM2_CC_NV_UndefineSpaceSpecial
#define COMMANDS_SPAN  (TPM2_CC_EncryptDecrypt2 - COMMANDS_FIRST + 1)

/* NULL for a command that is not used here. */
const struct command_row *command_row(TPM2_CC cc);

#endif
