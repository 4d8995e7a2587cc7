/* caps - what a TPM can do: asked with TPM2_TestParms, one command for each thing. */
#include <string.h>

#include "tpm/talk/cmd_private.h"
#include "tpm/talk/root.h"

#define U16(x)	  (uint8_t)((x) >> 8), (uint8_t)((x)&0xff)
#define NO_SCHEME U16(TPM2_ALG_NULL)

/* TPMT_PUBLIC_PARMS */
#define RSA(bits)	   U16(TPM2_ALG_RSA), U16(TPM2_ALG_NULL), NO_SCHEME, U16(bits), 0, 0, 0, 0
#define ECC(curve)	   U16(TPM2_ALG_ECC), U16(TPM2_ALG_NULL), NO_SCHEME, U16(curve), NO_SCHEME
#define HASH(alg)	   U16(TPM2_ALG_KEYEDHASH), U16(TPM2_ALG_HMAC), U16(alg)
#define CIPHER(bits, mode) U16(TPM2_ALG_SYMCIPHER), U16(TPM2_ALG_AES), U16(bits), U16(mode)

static const struct {
	enum cap cap;
	uint8_t n;
	uint8_t parms[14];
} asked[] = {
	{ CAP_RSA_2048, 12, { RSA(2048) } },
	{ CAP_RSA_3072, 12, { RSA(3072) } },
	{ CAP_RSA_4096, 12, { RSA(4096) } },
	{ CAP_P256, 10, { ECC(TPM2_ECC_NIST_P256) } },
	{ CAP_P384, 10, { ECC(TPM2_ECC_NIST_P384) } },
	{ CAP_P521, 10, { ECC(TPM2_ECC_NIST_P521) } },
	{ CAP_SHA1, 6, { HASH(TPM2_ALG_SHA1) } },
	{ CAP_SHA256 | CAP_HMAC, 6, { HASH(TPM2_ALG_SHA256) } },
	{ CAP_SHA384, 6, { HASH(TPM2_ALG_SHA384) } },
	{ CAP_SHA512, 6, { HASH(TPM2_ALG_SHA512) } },
	{ CAP_AES_128, 8, { CIPHER(128, TPM2_ALG_CFB) } },
	{ CAP_AES_256, 8, { CIPHER(256, TPM2_ALG_CFB) } },
	{ CAP_ECB, 8, { CIPHER(128, TPM2_ALG_ECB) } },
	{ CAP_CBC, 8, { CIPHER(128, TPM2_ALG_CBC) } },
	{ CAP_CFB, 8, { CIPHER(128, TPM2_ALG_CFB) } },
	{ CAP_CTR, 8, { CIPHER(128, TPM2_ALG_CTR) } },
};

/* What TPM2_EncryptDecrypt2 must be there for. */
#define CIPHERS (CAP_AES_128 | CAP_AES_256 | CAP_ECB | CAP_CBC | CAP_CFB | CAP_CTR)

/* Only what is said of the parameters or of the command is a no.  What a TPM says that is busy, has
 * failed or wants to be tested is none, nor what a resource manager says: the token would lack it
 * for ever. */
static bool is_no(uint32_t rc)
{
	return (rc_plain(rc) & TPM2_RC_FMT1) != 0 || rc_err(rc) == INRO_E_UNSUPPORTED;
}

static enum inro_err test(struct tpm *t, struct bytes parms, bool *ret)
{
	SCOPED(buf) params = { 0 };
	enum inro_err e;

	buf_add(&params, parms);
	e = cmd_tell(t, &(struct tpm_command) { .cc = TPM2_CC_TestParms }, &params);
	*ret = !e;
	return e && !is_no(tpm_last_rc()) ? e : INRO_OK;
}

static enum inro_err test_all(struct tpm *t, uint32_t *ret_can)
{
	uint32_t can = 0;
	bool yes = false;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && i < ARRAY_LEN(asked); i++) {
		e = test(t, BYTES(asked[i].parms, asked[i].n), &yes);
		can |= yes ? (uint32_t)asked[i].cap : 0;
	}
	*ret_can = can;
	return e;
}

static enum inro_err has_command(struct tpm *t, TPM2_CC cc, bool *ret)
{
	TPMS_CAPABILITY_DATA got;
	enum inro_err e = cmd_capability(t, TPM2_CAP_COMMANDS, cc, 1, &got);

	if (e)
		return e;
	*ret = got.data.command.count > 0 &&
	       (got.data.command.commandAttributes[0] & TPMA_CC_COMMANDINDEX_MASK) == cc;
	return INRO_OK;
}

/* Four letters of a number; what can't be printed is left out. */
static void add_letters(char *text, size_t cap, uint32_t x)
{
	size_t n = strlen(text);

	for (int shift = 24; shift >= 0 && n + 1 < cap; shift -= 8) {
		char c = (char)(x >> shift & 0xff);

		if (c > ' ' && c < 0x7f)
			text[n++] = c;
	}
	text[n] = 0;
}

static void take_property(struct caps *c, const TPMS_TAGGED_PROPERTY *p)
{
	if (p->property == TPM2_PT_MANUFACTURER)
		add_letters(c->maker, sizeof c->maker, p->value);
	if (p->property >= TPM2_PT_VENDOR_STRING_1 && p->property <= TPM2_PT_VENDOR_STRING_4)
		add_letters(c->model, sizeof c->model, p->value);
	if (p->property == TPM2_PT_FIRMWARE_VERSION_1)
		c->firmware[0] = p->value;
	if (p->property == TPM2_PT_FIRMWARE_VERSION_2)
		c->firmware[1] = p->value;
	if (p->property == TPM2_PT_HR_TRANSIENT_MIN)
		c->transient_slots = p->value;
	if (p->property == TPM2_PT_NV_INDEX_MAX)
		c->max_nv = p->value;
}

static enum inro_err read_properties(struct tpm *t, struct caps *c)
{
	TPMS_CAPABILITY_DATA got;
	enum inro_err e =
		cmd_capability(t, TPM2_CAP_TPM_PROPERTIES, TPM2_PT_FIXED, TPM2_PT_GROUP / 4, &got);

	if (e)
		return e;
	for (size_t i = 0; i < got.data.tpmProperties.count; i++)
		take_property(c, &got.data.tpmProperties.tpmProperty[i]);
	return INRO_OK;
}

enum inro_err caps_read(struct tpm *t, struct caps *ret)
{
	struct caps c = { 0 };
	bool ciphers = false;
	enum inro_err e = read_properties(t, &c);

	if (!e)
		e = test_all(t, &c.can);
	if (!e)
		e = has_command(t, TPM2_CC_EncryptDecrypt2, &ciphers);
	if (e)
		return e;
	if (!ciphers)
		c.can &= ~(uint32_t)CIPHERS;
	*ret = c;
	return INRO_OK;
}
