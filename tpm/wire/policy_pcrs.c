/* policy_pcrs - a selection of PCRs as people write it. */
#include <string.h>

#include "base/own.h"
#include "tpm/wire/policy.h"

#define MAX_TEXT  128
#define PCR_COUNT 24
#define PCR_BYTES (PCR_COUNT / 8)

static const struct bank {
	const char *name;
	TPM2_ALG_ID id;
} banks[] = {
	{ "sha1", TPM2_ALG_SHA1 },
	{ "sha256", TPM2_ALG_SHA256 },
	{ "sha384", TPM2_ALG_SHA384 },
	{ "sha512", TPM2_ALG_SHA512 },
};

static enum inro_err wrong(struct bytes text, const char *why)
{
	return err_set(INRO_E_SYNTAX,
		       "PCRs '%.*s': %s; they are written as sha256:0,2,7, further banks after '+'",
		       (int)text.n, (const char *)text.p, why);
}

/* What stands before the separator, which is taken too; everything when it is not there. */
static struct bytes word(struct bytes *in, char separator, bool *ret_more)
{
	const uint8_t *end = in->n ? memchr(in->p, separator, in->n) : NULL;
	size_t n = end ? (size_t)(end - in->p) : in->n;
	struct bytes x = BYTES(in->p, n);

	*in = end ? BYTES(end + 1, in->n - n - 1) : BYTES_NONE;
	*ret_more = end != NULL;
	return x;
}

static const struct bank *bank_find(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(banks); i++)
		if (bytes_is(name, banks[i].name))
			return &banks[i];
	return NULL;
}

/* PCR_COUNT for what is no number of a PCR */
static unsigned number(struct bytes x)
{
	unsigned n = 0;

	if (!x.n || x.n > 2 || (x.n == 2 && x.p[0] == '0'))
		return PCR_COUNT;
	for (size_t i = 0; i < x.n; i++) {
		if (x.p[i] < '0' || x.p[i] > '9')
			return PCR_COUNT;
		n = n * 10 + x.p[i] - '0';
	}
	return n < PCR_COUNT ? n : PCR_COUNT;
}

static const char *read_numbers(struct bytes list, TPMS_PCR_SELECTION *ret)
{
	bool more = true;

	while (more) {
		unsigned n = number(word(&list, ',', &more));
		uint8_t bit = (uint8_t)(1u << n % 8);

		if (n == PCR_COUNT)
			return "a PCR has a number from 0 to 23";
		if (ret->pcrSelect[n / 8] & bit)
			return "one is named twice";
		ret->pcrSelect[n / 8] |= bit;
	}
	return NULL;
}

static const char *read_bank(struct bytes text, TPML_PCR_SELECTION *ret)
{
	TPMS_PCR_SELECTION *s = &ret->pcrSelections[ret->count];
	bool numbers;
	const struct bank *bank = bank_find(word(&text, ':', &numbers));

	if (!bank)
		return "a bank is sha1, sha256, sha384 or sha512";
	if (!numbers)
		return "the numbers are missing";
	for (size_t i = 0; i < ret->count; i++)
		if (ret->pcrSelections[i].hash == bank->id)
			return "one bank is named twice";
	*s = (TPMS_PCR_SELECTION) { .hash = bank->id, .sizeofSelect = PCR_BYTES };
	ret->count++;
	return read_numbers(text, s);
}

enum inro_err policy_read_pcrs(struct bytes text, TPML_PCR_SELECTION *ret)
{
	TPML_PCR_SELECTION x = { 0 };
	struct bytes rest = text;
	const char *why = NULL;
	bool more = true;

	if (text.n > MAX_TEXT)
		return err_set(INRO_E_TOO_BIG, "a selection of PCRs has %d bytes at most",
			       MAX_TEXT);
	while (more && !why)
		why = read_bank(word(&rest, '+', &more), &x);
	if (why)
		return wrong(text, why);
	*ret = x;
	return INRO_OK;
}
