/*
 * attesting - a device that asks for a challenge and answers it, for tests of core/attest.h: its TPM is a
 * maker's (evidence_maker.h).
 */
#ifndef INRO_TESTS_LIB_ATTESTING_H
#define INRO_TESTS_LIB_ATTESTING_H

#include <cmocka.h>
#include <openssl/x509.h>
#include <string.h>

#include "backoffice/core/attest.h"
#include "backoffice/core/device.h"
#include "tests/lib/evidence_maker.h"
#include "tests/lib/office.h"

/* A device of that id, with the maker's endorsement key as its trust anchor. */
static inline void register_tpm(struct core *c, const char *id, const struct maker *m)
{
	unsigned char *spki = NULL;
	int n = i2d_PUBKEY(m->ek_key, &spki);
	const struct device_anchor anchor = { .kind = ANCHOR_EK,
					      .store = ANCHOR_HARDWARE,
					      .value = BYTES(spki, (size_t)n) };
	const struct device_fields f = { .anchor = &anchor };
	SCOPED(device) d = { 0 };

	assert_int_equal(device_add(c, id, &f, &d), INRO_OK);
	OPENSSL_free(spki);
}

struct asked {
	struct attest_challenge challenge;
	struct secret secret;
	struct buf evidence, csr;
	struct attest_answer answer;
};

static inline void asked_clear(struct asked *a)
{
	attest_challenge_clear(&a->challenge);
	secret_clear(&a->secret);
	buf_clear(&a->evidence);
	buf_clear(&a->csr);
}

static inline enum inro_err begin_for(struct core *c, const char *device, const struct maker *m,
			       struct attest_challenge *ret)
{
	SCOPED(buf) evidence = { 0 };

	maker_make(m, &evidence);
	return attest_begin(c, device, buf_bytes(&evidence), ret);
}

/* What the device then has to say: in `says` its TPM as it pretends to be. */
static inline void prepare(struct asked *a, const char *device, const struct maker *m,
		    const struct maker *says)
{
	struct maker now = *says;

	assert_true(maker_activate(m, buf_bytes(&a->challenge.blob), &a->secret));
	memcpy(now.nonce, a->challenge.nonce, ATTEST_NONCE);
	now.nonce_n = ATTEST_NONCE;
	maker_make(&now, &a->evidence);
	office_csr(says->key_key, "dev-1", &a->csr);
	a->answer = (struct attest_answer) { .device = device,
					     .nonce = BYTES(a->challenge.nonce, ATTEST_NONCE),
					     .secret = secret_bytes(&a->secret),
					     .evidence = buf_bytes(&a->evidence),
					     .csr = buf_bytes(&a->csr) };
}

static inline void ask(struct core *c, const char *device, const struct maker *m, struct asked *a)
{
	assert_int_equal(begin_for(c, device, m, &a->challenge), INRO_OK);
	prepare(a, device, m, m);
}

#endif
