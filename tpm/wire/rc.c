/* rc - a response code taken apart, and looked up. */
#include "tpm/wire/rc.h"

#include <stdio.h>

#include <tss2/tss2_tpm2_types.h>

#include "base/own.h"
#include "tpm/wire/rc_table.h"

#define LAYER(rc) ((rc) >> TSS2_RC_LAYER_SHIFT)

/* Part 2, 6.6.2: what the bits of a response code mean. */
#define FORMAT_ONE  TPM2_RC_FMT1
#define VERSION_TWO TPM2_RC_VER1
#define PARAMETER   TPM2_RC_P
#define SESSION	    TPM2_RC_S
#define NO_NUMBER   0xf0bfu /* of format one; the highest four are no TPM's, so that no row fits */

struct parts {
	uint32_t plain;
	const char *of; /* "handle", "parameter", "session"; NULL */
	unsigned number;
};

/* The kernel says what the TPM would say under the layer of resource managers (11), tpm2-abrmd's
 * own troubles come under the same one: only a TPM's codes have these bits. */
static bool is_tpm(uint32_t rc)
{
	uint32_t layer = rc & TSS2_RC_LAYER_MASK;

	return !(rc & ~0xffffu) ||
	       (rc & (FORMAT_ONE | VERSION_TWO) && (rc & ~0xffffu) == layer &&
		(layer == TSS2_RESMGR_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER));
}

static struct parts parts_one(uint32_t rc)
{
	unsigned number = (rc & TPM2_RC_N_MASK) >> 8;
	struct parts p = { .plain = rc & NO_NUMBER, .of = "handle", .number = number };

	if (rc & PARAMETER) {
		p.of = "parameter";
	} else if (rc & SESSION) {
		p.of = "session";
		p.number = number & 7;
	}
	if (!p.number)
		p.of = NULL;
	return p;
}

static const struct {
	uint32_t first, last;
	const char *of;
} references[] = {
	{ TPM2_RC_REFERENCE_H0, TPM2_RC_REFERENCE_H6, "handle" },
	{ TPM2_RC_REFERENCE_S0, TPM2_RC_REFERENCE_S6, "session" },
};

static struct parts parts_zero(uint32_t rc)
{
	uint32_t code = rc & 0xffff;

	for (size_t i = 0; i < ARRAY_LEN(references); i++)
		if (code >= references[i].first && code <= references[i].last)
			return (struct parts) { .plain = references[i].first,
						.of = references[i].of,
						.number = code - references[i].first + 1 };
	return (struct parts) { .plain = code };
}

static struct parts parts_of(uint32_t rc)
{
	if (!is_tpm(rc))
		return (struct parts) { .plain = rc };
	return rc & FORMAT_ONE ? parts_one(rc) : parts_zero(rc);
}

static const struct rc_row *find(const struct rc_rows *in, uint32_t code)
{
	for (size_t i = 0; i < in->n; i++)
		if (in->rows[i].code == code)
			return &in->rows[i];
	return NULL;
}

static const struct rc_row *row_of(uint32_t rc)
{
	return is_tpm(rc) ? find(&rc_tpm, parts_of(rc).plain)
			  : find(&rc_base, rc & ~TSS2_RC_LAYER_MASK);
}

uint32_t rc_plain(uint32_t rc)
{
	return parts_of(rc).plain;
}

enum inro_err rc_err(uint32_t rc)
{
	const struct rc_row *row = row_of(rc);

	return row ? row->err : INRO_E_TOKEN;
}

static void text_tpm(uint32_t rc, const struct rc_row *row, char *out, size_t cap)
{
	struct parts p = parts_of(rc);

	if (!row)
		snprintf(out, cap, "TPM_RC 0x%03x, which no specification known here has",
			 (unsigned)(rc & 0xffff));
	else if (p.of)
		snprintf(out, cap, "%s (%s %u): %s", row->name, p.of, p.number, row->text);
	else
		snprintf(out, cap, "%s: %s", row->name, row->text);
}

static void text_layer(uint32_t rc, const struct rc_row *row, char *out, size_t cap)
{
	const struct rc_row *layer = find(&rc_layer, LAYER(rc));

	snprintf(out, cap, "%s 0x%x: %s", layer ? layer->name : "TSS2_RC", (unsigned)rc,
		 row ? row->text : "an error that is not known here");
}

void rc_text(uint32_t rc, char *out, size_t cap)
{
	const struct rc_row *row = row_of(rc);

	if (is_tpm(rc))
		text_tpm(rc, row, out, cap);
	else
		text_layer(rc, row, out, cap);
}

#define MAX_TEXT 256

enum inro_err rc_set(uint32_t rc, const char *what)
{
	enum inro_err e = rc_err(rc);
	char text[MAX_TEXT];

	if (!e)
		return INRO_OK;
	rc_text(rc, text, sizeof text);
	return err_set(e, "%s: %s", what, text);
}

bool rc_is_again(uint32_t rc)
{
	static const uint32_t codes[] = { TPM2_RC_RETRY, TPM2_RC_YIELDED, TPM2_RC_TESTING,
					  TPM2_RC_NV_RATE };
	uint32_t plain = rc_plain(rc);

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (plain == codes[i])
			return true;
	return false;
}
