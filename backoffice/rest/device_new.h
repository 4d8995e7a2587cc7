/*
 * device_new - what a request says of a device, and new devices: one, and many by lines of a batch.
 *
 * 1. A device that is given no id gets one (device_id_new()), once for each request: a line that is done alone after
 *    all keeps it.
 */
#ifndef INRO_BACKOFFICE_REST_DEVICE_NEW_H
#define INRO_BACKOFFICE_REST_DEVICE_NEW_H

#include "backoffice/core/device.h"
#include "backoffice/rest/rows.h"

/* What a request gives, with what it borrows from. */
struct device_input {
	struct device_fields fields;
	struct device_anchor anchor;
	uint8_t hash[ANCHOR_HASH];
	char *attrs;
};
void device_input_clear(struct device_input *in);
/* The fields that it gives; what is borrowed from r->in is valid as long as that. */
MUST_CHECK enum inro_err device_input_read(const struct rest *r, struct device_input *in);

/* POST /v1/devices. */
MUST_CHECK enum inro_err rest_add_device(struct rest *r, json_t **ret);

#endif
