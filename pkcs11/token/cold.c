/* cold - the numbers in the entries. */
#include "pkcs11/token/cold.h"

enum { COLD = 1, PRIVATE = 2, SECRET = 4 };
#define BITS 3 /* of those; one for all of by_row's */

bool cold_is(const void *entry)
{
	return ((uintptr_t)entry & COLD) != 0;
}

bool cold_fits(int64_t row, CK_OBJECT_HANDLE handle)
{
	return row > 0 && (uint64_t)row <= UINTPTR_MAX >> BITS && handle <= UINTPTR_MAX >> BITS;
}

void *cold_entry(struct cold c)
{
	return (void *)((uintptr_t)c.row << BITS | (c.secret ? SECRET : 0) |
			(c.private ? PRIVATE : 0) | COLD);
}

struct cold cold_of(const void *entry)
{
	uintptr_t n = (uintptr_t)entry;

	return (struct cold) { .row = (int64_t)(n >> BITS),
			       .private = (n & PRIVATE) != 0,
			       .secret = (n & SECRET) != 0 };
}

void *cold_handle_entry(CK_OBJECT_HANDLE handle)
{
	return (void *)((uintptr_t)handle << BITS | COLD);
}

CK_OBJECT_HANDLE cold_handle(const void *entry)
{
	return (CK_OBJECT_HANDLE)((uintptr_t)entry >> BITS);
}
