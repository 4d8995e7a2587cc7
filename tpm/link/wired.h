/*
 * wired - a link to a TPM outside of this process: what device, swtpm and tabrmd have in common.
 *
 * 1. The connection is made in a turn and outlasts it by link_idle_ms; the janitor ends it.
 * 2. A TPM without a resource manager has a ledger: turns between processes, and a list of what is
 *    in the TPM.  A connection that ends in peace leaves nothing of ours there.
 * 3. Every new connection is a new epoch.
 * 4. The janitor works only between turns, with its lock held; a turn begins and ends under that
 *    lock and does its work without.
 */
#ifndef INRO_TPM_LINK_WIRED_H
#define INRO_TPM_LINK_WIRED_H

#include "tpm/link/janitor.h"
#include "tpm/link/kinds.h"
#include "tpm/link/ledger.h"
#include "tpm/link/roll.h"

struct wired;

/* What tells one kind of connection from another. */
struct plug {
	size_t size;	  /* of what begins with a struct wired */
	bool can_hang_up; /* a peer that may end the connection: poll() tells */
	/* The words behind "scheme:"; INRO_E_CONFIG. */
	enum inro_err (*parse)(struct wired *w, struct bytes rest);
	void (*clear)(struct wired *w); /* what parse allocated; may be NULL */
	/* Sets w->fd.  INRO_E_BUSY, silently: another one has it, try again. */
	enum inro_err (*open)(struct wired *w);
	void (*close)(struct wired *w); /* w->fd is `fd` no more; also when open failed */
	enum inro_err (*send)(struct wired *w, struct bytes command);
	/* INRO_E_BUSY, silently: no answer within w->patience_ms. */
	enum inro_err (*receive)(struct wired *w, struct buf *ret);
};

struct wired {
	struct link link;
	const struct plug *plug;
	char *home, *tcti;	       /* for people and files */
	struct ledger *_Atomic ledger; /* of links that are not managed, from the first turn on */
	struct janitor janitor;
	bool in_turn, connected;
	atomic_int fd; /* -1: none; another thread may fork */
	int patience_ms;
	int64_t last_used;
	struct roll_entry listed;
};

MUST_CHECK enum inro_err wired_make(const struct link_kind *kind, const struct plug *plug,
				    struct bytes rest, const char *home, struct link **ret);

/* Of a struct link_kind. */
void wired_free(struct link *l);
enum inro_err wired_begin(struct link *l);
void wired_end(struct link *l);
enum inro_err wired_talk(struct link *l, struct bytes command, bool durable,
			 struct buf *ret_response);
void wired_lost(struct link *l);
enum inro_err wired_will_hold(struct link *l);
void wired_hold(struct link *l, uint32_t handle);
void wired_drop(struct link *l, uint32_t handle);

/* A plug's close and receive for descriptors that give a response as a stream of bytes. */
void wired_close_fd(struct wired *w);
enum inro_err wired_receive_stream(struct wired *w, struct buf *ret);

/* What the kinds of link have of this: behind a resource manager, and without one. */
#define WIRED_EACH    .free = wired_free, .begin = wired_begin, .end = wired_end, .talk = wired_talk
#define WIRED_MANAGED WIRED_EACH, .managed = true
#define WIRED_BARE                                                                                 \
	WIRED_EACH, .lost = wired_lost, .will_hold = wired_will_hold, .hold = wired_hold,          \
		    .drop = wired_drop

#endif
