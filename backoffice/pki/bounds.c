#include "backoffice/pki/bounds.h"

/* Who signs for a CA (OCSP, CMP) is judged by its own certificate alone. */
#define BOUND (EKU_SERVER_AUTH | EKU_CLIENT_AUTH | EKU_CODE_SIGNING | EKU_EMAIL_PROTECTION | EKU_TIME_STAMPING)

struct bounds bounds_none(void)
{
	return (struct bounds) { .cas = EXT_PATH_LEN_NONE, .purposes = BOUND };
}

/* RFC 5280 6.1.4 (l) and (m). */
void bounds_add(struct bounds *b, const struct cert *ca)
{
	int own = ca->ext.path_len;

	if (!ca->self_issued && b->cas > 0)
		b->cas--;
	if (own != EXT_PATH_LEN_NONE && (b->cas == EXT_PATH_LEN_NONE || own < b->cas))
		b->cas = own;
	if (ca->ext.has_eku && !(ca->ext.eku & EKU_ANY))
		b->purposes &= ca->ext.eku;
}
