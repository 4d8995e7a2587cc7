/*
 * verify_at - the time at which certificates are looked at.
 *
 * It is compiled for times as libcrypto has them: on ARMv7 they may be shorter than ours, and what is
 * handed over otherwise is another time.
 */
#ifndef INRO_BASE_LIBCRYPTO_VERIFY_AT_H
#define INRO_BASE_LIBCRYPTO_VERIFY_AT_H

#include <openssl/x509_vfy.h>
#include <stdint.h>

/* Seconds since 1970; the latest that libcrypto knows where it knows no such time. */
void verify_at(X509_VERIFY_PARAM *p, int64_t when);

#endif
