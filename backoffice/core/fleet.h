/*
 * fleet - what other rooms need of devices, their anchors and groups; device.h is for callers.
 */
#ifndef INRO_BACKOFFICE_CORE_FLEET_H
#define INRO_BACKOFFICE_CORE_FLEET_H

#include "backoffice/core/device.h"
#include "backoffice/core/internal.h"

/* device.c, device_move.c */
MUST_CHECK enum inro_err device_load(struct core *c, const char *id, struct device *ret);
/* In a transaction: so many device_load() of these (NULL: none) come next; see store_foresee(). */
MUST_CHECK enum inro_err device_foresee(struct core *c, const char *const *ids, size_t n);
/* One that lives and is not the one with this number, whose id is the name but for the case of letters (A to Z): two
 * look-ups in indexes, however many there are.  INRO_E_NOT_FOUND; INRO_E_ARG for what can be nobody's id. */
MUST_CHECK enum inro_err device_called(struct core *c, const char *name, int64_t but, struct device *ret);
/* Whoever changes a device or tells its secrets: INRO_E_ACCESS when the policy of its group names who
 * may, and the one at work is none of them.  Administrators always may. */
MUST_CHECK enum inro_err device_touch(struct core *c, const struct device *d);
/* The same by the policy of its group. */
struct policy;
MUST_CHECK enum inro_err device_touch_by(const struct core *c, const struct device *d,
					 const struct policy *p);
/* INRO_E_STATE unless it may have certificates. */
MUST_CHECK enum inro_err device_may_have(const struct device *d);
/* The DNS name and the address of the record, of those kinds (bits 1 << enum san_kind), appended.
 */
MUST_CHECK enum inro_err device_names(const struct device *d, unsigned kinds, struct buf *sans);
/* In a write transaction: a registered device that gets its first credential is active. */
MUST_CHECK enum inro_err device_activate(struct core *c, int64_t id);
/* The same, of one that was read or written in this transaction. */
MUST_CHECK enum inro_err device_activate_loaded(struct core *c, struct device *d);

/* In a write transaction: the same as device_add(), device_update() and a move, without a record of
 * refusals. */
MUST_CHECK enum inro_err device_add_inside(struct core *c, const char *id,
					   const struct device_fields *f, struct device *ret);
/* What device_add_with() does before its transaction: INRO_E_ARG for an id or a field that can't be,
 * and the key that goes with it (NULL: none), as the group that it comes into wants it. */
struct psk_new;
MUST_CHECK enum inro_err device_add_prepare(struct core *c, const char *id,
					    const struct device_fields *f, struct psk_new *psk);
/* In its write transaction: with the key. */
MUST_CHECK enum inro_err device_add_keyed(struct core *c, const char *id,
					  const struct device_fields *f, struct psk_new *psk,
					  struct device *ret);
/* The same of one that gets its first credential in the same transaction: it is registered and active. */
MUST_CHECK enum inro_err device_add_active(struct core *c, const char *id, const struct device_fields *f,
					   struct psk_new *psk, struct device *ret);
MUST_CHECK enum inro_err device_update_inside(struct core *c, const char *id,
					      const struct device_fields *f, struct device *ret);
MUST_CHECK enum inro_err device_move_loaded(struct core *c, struct device *d, enum verb verb,
					    const char *why, size_t *ret_revoked);
/* The record as it would be with these fields; *d is changed, nothing is written. */
MUST_CHECK enum inro_err device_set_fields(struct core *c, struct device *d,
					   const struct device_fields *f);

/* anchor.c */
/* In a write transaction: gives the device this anchor, NULL: leaves the one that it has.  INRO_E_EXISTS: another live
 * one has it; INRO_E_POLICY: it is none, or a deleted one of another id had it and the policy takes none such. */
MUST_CHECK enum inro_err anchor_set(struct core *c, struct device *d, const struct device_anchor *a);
MUST_CHECK enum inro_err anchor_digest(struct core *c, const struct device_anchor *a,
				       struct blob *ret);
/* attrs.c: the object as it is kept, of the caller's: what `was` (may be NULL) and what is given
 * make together. */
MUST_CHECK enum inro_err attrs_merge(const char *was, const char *given, char **ret);
/* The value of one of a record's attributes (NULL: it has none) as text, numbers and yes and no as in JSON, with a NUL
 * behind it; appended, and nothing when there is none of that name. */
MUST_CHECK enum inro_err attrs_value(const char *attrs, const char *name, struct buf *ret);

/* group.c: the group with this id, deleted ones too. */
MUST_CHECK enum inro_err group_by_id(struct core *c, int64_t id, struct device_group *ret);

#endif
