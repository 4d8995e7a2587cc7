/*
 * field - kinds of values in a profile's file: how each is read into a struct profile and written
 * back.  Only for profile.c.
 */
#ifndef INRO_BACKOFFICE_PKI_FIELD_H
#define INRO_BACKOFFICE_PKI_FIELD_H

#include "backoffice/pki/profile.h"

struct field;

struct kind {
	/* `at`: the member of struct profile; false when the value does not fit */
	bool (*parse)(const struct field *f, struct bytes value, void *at);
	void (*print)(const struct field *f, const void *at, struct buf *out);
};

struct field {
	struct profile_field doc;
	const struct kind *kind;
	size_t offset;
	/* of bits */
	unsigned (*find)(struct bytes word);
	void (*text)(unsigned bits, struct buf *out);
	/* of choices */
	const char *const *words;
	size_t words_n;
	/* of numbers */
	unsigned min, max;
};

extern const struct kind kind_text, kind_name, kind_number, kind_period, kind_choice, kind_bool,
	kind_bits, kind_keys, kind_types, kind_groups, kind_path, kind_span, kind_exts;

/* Words of bits and back, for fields of kind_bits: kinds of alternative names. */
unsigned field_san_find(struct bytes word);
void field_san_bits_text(unsigned bits, struct buf *out);

#endif
