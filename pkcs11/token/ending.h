/*
 * ending - libcrypto's end (OPENSSL_cleanup(), mostly called by exit()) beside threads that are in the
 * module or come to it.
 *
 * 1. libcrypto takes no lock for it: what it frees a thread may be using, and a thread that ends at
 *    that moment frees its part of it, too.  So libcrypto's end waits for those who are inside, and
 *    who goes out or comes in meanwhile is kept until it is over.
 * 2. Both are bounded.  A key that is made may take too long to wait for, and a handler that runs
 *    later may be waiting for the thread that is kept.  What is called then finds libcrypto gone
 *    (libcrypto_alive()).
 * 3. The thread in which libcrypto ends is never kept.
 * 4. libcrypto is gone before it tells us in which thread.  Who comes or goes between the two is
 *    kept, too; not the process's first thread, for it is mostly the one.
 */
#ifndef INRO_PKCS11_TOKEN_ENDING_H
#define INRO_PKCS11_TOKEN_ENDING_H

#include <stdbool.h>

/* `is_empty`: whether no other thread than the caller's is inside.  Once is enough, for the
 * processes that are forked from here, too. */
void ending_watch(bool (*is_empty)(void));
/* Whether the caller has to be kept: to be asked after it has made itself seen. */
bool ending_keeps(void);
/* Comes back at once, or when it is over. */
void ending_keep(void);

#endif
