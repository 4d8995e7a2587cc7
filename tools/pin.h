/*
 * pin - PINs for a command: from a file, from the environment, else from the person at the
 * terminal; never from the command line, where `ps` shows them.
 */
#ifndef INRO_TOOLS_PIN_H
#define INRO_TOOLS_PIN_H

#include "base/secret.h"
#include "tools/cmd.h"

enum pin_kind {
	PIN_USER, /* --pin-source, INRO_PIN */
	PIN_SO,	  /* --so-pin-source, INRO_SO_PIN */
	PIN_NEW,  /* --new-pin-source, INRO_NEW_PIN */
	PIN_PASS, /* --passphrase-source, INRO_PASSPHRASE: of a backup */
	PIN_FILE, /* the same, of a key file: what is named is not a token */
	PIN_PSK,  /* --psk-source, INRO_PSK: a device's pre-shared key */
	PIN_PASSWORD,	  /* --password-source, INRO_PASSWORD: of the account at work */
	PIN_NEW_PASSWORD, /* --new-password-source, INRO_NEW_PASSWORD */
	PIN__KINDS
};

/* Lists of options that rows of the command table share. */
extern const struct cmd_opt pin_user_opts[], pin_user_so_opts[], pin_so_opts[], pin_change_opts[],
	pin_unblock_opts[], pin_pass_opts[], pin_psk_opts[], pin_password_opts[];

/* The PIN for this token, or the passphrase of this file.  A fresh one is asked for twice.
 * INRO_E_PIN_MISSING names the ways to give it when there is no terminal. */
MUST_CHECK enum inro_err pin_take(const struct call *c, enum pin_kind kind, const char *token,
				  bool fresh, struct secret *ret);

/* Does pin_take() know it without asking a person? */
bool pin_is_given(const struct call *c, enum pin_kind kind);

#endif
