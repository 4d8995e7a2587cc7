/*
 * device_row - how device.c and device_move.c write a device: its record, the counts and the event with it.
 */
#ifndef INRO_BACKOFFICE_CORE_DEVICE_ROW_H
#define INRO_BACKOFFICE_CORE_DEVICE_ROW_H

#include "backoffice/core/device.h"
#include "backoffice/core/internal.h"

/* In a write transaction: one device more or less of this state, in all and in its group. */
MUST_CHECK enum inro_err device_count(struct core *c, const struct device *d, int64_t delta);
/* In a write transaction: what was done to it; the detail may be empty. */
MUST_CHECK enum inro_err device_event(struct core *c, const char *action, const struct device *d, struct buf *detail);
/* In a write transaction: a new record in this state, counted, with its event. */
MUST_CHECK enum inro_err device_add_as(struct core *c, const char *id, const struct device_fields *f,
				       enum device_state state, struct device *ret);
/* A write transaction of this work; what it made in *made is handed over only when it was committed. */
MUST_CHECK enum inro_err device_commit(struct core *c, core_work_fn *work, void *arg, struct device *made,
				       struct device *ret);

#endif
