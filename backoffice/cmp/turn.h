/*
 * turn - one message and its answer, for the files of this room.
 *
 * 1. A step that fails returns its error; turn_refuse() says in CMP's words what it is, where the error's own
 *    row of the table does not.
 */
#ifndef INRO_BACKOFFICE_CMP_TURN_H
#define INRO_BACKOFFICE_CMP_TURN_H

#include "backoffice/cmp/cmp_routes.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/label.h"
#include "backoffice/core/network.h"
#include "backoffice/core/signer.h"
#include "backoffice/pki/cmp.h"

#define TURN_NONCE 16

struct turn {
	struct core *core;
	const struct http_call *call;
	const struct cmp_options *options;
	const char *label_text; /* NULL: the path had none */
	struct cmp_message in;
	/* who.c */
	bool known; /* the message is believed, the core works as its sender */
	bool by_mac;
	struct cmp_pbm pbm;
	struct secret psk;
	struct device device;
	struct label label;
	struct signer signer; /* of answers to what was signed */
	bool mute; /* there is nobody to sign the answer */
	bool told; /* why it is refused is in the audit */
	/* the answer */
	enum cmp_fail fail;
	struct buf body;
	uint8_t nonce[TURN_NONCE];
	bool implicit; /* confirmation is not waited for */
};
void turn_clear(struct turn *t);

/* err_set() and the bit for it. */
#define turn_refuse(t, bit, e, ...) ((t)->fail = (bit), err_set(e, __VA_ARGS__))
/* What came of the core, which records itself what it refuses. */
enum inro_err turn_by_core(struct turn *t, enum inro_err e);
/* Records a refusal that is in no record yet, where the sender is known and asked for a change; returns e as it is. */
enum inro_err turn_told(struct turn *t, enum inro_err e);
/* The bit of an error; total. */
enum cmp_fail turn_fail_of(const struct turn *t, enum inro_err e);
/* What the sender is told of it.  What is wrong with us is in our log, under this request: he learns that it is not
 * his fault. */
const char *turn_text_of(const struct turn *t, enum inro_err e);

/* who.c: believes the message or not. */
MUST_CHECK enum inro_err turn_know(struct turn *t);
/* reply.c: the answer around t->body, protected when the sender is known; appended. */
MUST_CHECK enum inro_err turn_reply(struct turn *t, struct buf *ret);
/* The nonce of an answer with this certificate, or (`waits`) about the request for it: the next message of the
 * transaction shows it, so that any server can tell that it is the next one. */
MUST_CHECK enum inro_err turn_nonce(const struct turn *t, const struct cred *cred, bool waits,
				    uint8_t ret[static TURN_NONCE]);

/* Bodies, by type; each fills t->body. */
typedef enum inro_err turn_fn(struct turn *t);
turn_fn turn_request, turn_confirm, turn_poll, turn_revoke, turn_general, turn_error;

#endif
