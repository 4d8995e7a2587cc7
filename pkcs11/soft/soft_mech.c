/* soft_mech - the list of what this backend does, put together once. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/own.h"
#include "pkcs11/soft/soft_private.h"
#include "pkcs11/token/kdf.h"

static size_t length(const CK_MECHANISM_TYPE *list)
{
	size_t n = 0;

	while (list[n] != CK_UNAVAILABLE_INFORMATION)
		n++;
	return n;
}

static int by_number(const void *x, const void *y)
{
	CK_MECHANISM_TYPE a = *(const CK_MECHANISM_TYPE *)x, b = *(const CK_MECHANISM_TYPE *)y;

	return (a > b) - (a < b);
}

/* Sorted, each once. */
static void tidy(CK_MECHANISM_TYPE *list, size_t n)
{
	size_t kept = 0;

	qsort(list, n, sizeof *list, by_number);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || list[i] != list[i - 1])
			list[kept++] = list[i];
	list[kept] = CK_UNAVAILABLE_INFORMATION;
}

static CK_MECHANISM_TYPE *put_together(void)
{
	static const CK_MECHANISM_TYPE composed[] = { CKM_ECDH_AES_KEY_WRAP, CKM_RSA_AES_KEY_WRAP,
						      CK_UNAVAILABLE_INFORMATION };
	const CK_MECHANISM_TYPE *const parts[] = { pkey_mechanisms(), skey_mechanisms(),
						   kdf_mechanisms(), composed };
	CK_MECHANISM_TYPE *all;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		n += length(parts[i]);
	all = calloc(n + 1, sizeof *all);
	if (!all)
		return NULL;
	n = 0;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		for (const CK_MECHANISM_TYPE *m = parts[i]; *m != CK_UNAVAILABLE_INFORMATION; m++)
			all[n++] = *m;
	tidy(all, n);
	return all;
}

const CK_MECHANISM_TYPE *soft_mechanisms(struct backend *b)
{
	static _Atomic(CK_MECHANISM_TYPE *) known;
	CK_MECHANISM_TYPE *seen = atomic_load(&known), *made;

	(void)b;
	if (seen)
		return seen;
	made = put_together();
	if (!made)
		return pkey_mechanisms();
	/* threads that come first together each make one */
	if (atomic_compare_exchange_strong(&known, &seen, made))
		return made;
	free(made);
	return seen;
}
