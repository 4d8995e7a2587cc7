/*
 * crl - revocation lists that are given out: made before they are missed, kept for every server.
 *
 * 1. The newest list of each key and shard is in the database, whole, and the one before it, for
 *    those who are in the middle of it.
 * 2. What is given out was signed and recorded (ca.h); nothing is signed because somebody asks.
 */
#ifndef INRO_BACKOFFICE_CORE_CRL_H
#define INRO_BACKOFFICE_CORE_CRL_H

#include "backoffice/core/ca.h"

/* A list that is given out. */
struct crl_out {
	int64_t ca, generation, shard, delta, number;
	int64_t this_update, next_update;
	int64_t due_at; /* when another one is made */
};
/* Of a CA of the tenant; as a wish has it.  INRO_E_NOT_FOUND: none was published.  Costs two or three
 * rows, however long the list is. */
MUST_CHECK enum inro_err crl_newest(struct core *c, const struct crl_wish *w, struct crl_out *ret);
/* Its DER, piece by piece from 0 on, appended.  INRO_E_NOT_FOUND: there are newer ones by now. */
MUST_CHECK enum inro_err crl_piece_read(struct core *c, const struct crl_out *l, int64_t seq,
					struct buf *ret, bool *ret_end);

/* Both at once: the newest one, whole, appended. */
MUST_CHECK enum inro_err crl_published(struct core *c, const struct crl_wish *w,
				       struct crl_out *ret, struct buf *ret_der);

/* Makes a list and gives it out. */
MUST_CHECK enum inro_err crl_publish(struct core *c, const struct crl_wish *w,
				     struct crl_info *ret);
/* A duty (duty.h), for one tenant: all that would be missed soon. */
MUST_CHECK enum inro_err crl_publish_due(struct core *c);

#endif
