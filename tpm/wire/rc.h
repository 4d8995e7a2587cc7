/*
 * rc - what a TPM answers when it does not do as it was told (TPM_RC, part 2 6.6), and the other
 * layers' TSS2_RC.
 *
 * One table: every code has one inro_err and one text.  Handle, parameter and session numbers in a
 * format-one code are told in the text, not in the meaning.
 */
#ifndef INRO_TPM_WIRE_RC_H
#define INRO_TPM_WIRE_RC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The code without handle, parameter or session number: TPM2_RC_AUTH_FAIL, TPM2_RC_HANDLE ... */
uint32_t rc_plain(uint32_t rc);
/* "TPM_RC_AUTH_FAIL (session 1): the authorization HMAC check failed and DA counter incremented" in
 * words of our own; total. */
void rc_text(uint32_t rc, char *out, size_t cap);
/* Total: what is not in the table is INRO_E_TOKEN. */
enum inro_err rc_err(uint32_t rc);
/* err_set() with the code's own error: "<what>: <text>". */
enum inro_err rc_set(uint32_t rc, const char *what);

/* The TPM has not begun, and may do it when asked again: RETRY, YIELDED, TESTING, NV_RATE. */
bool rc_is_again(uint32_t rc);

#endif
