/* wish - see wish.h. */
#include "tests/lib/wish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backoffice/pki/san.h"

#define OK(x) assert_int_equal(x, INRO_OK)

void wish_clear(struct wish *w)
{
	profile_clear(&w->profile);
	buf_clear(&w->spki);
	buf_clear(&w->subject);
	buf_clear(&w->sans);
}

void wish_for(struct wish *w, const char *profile, EVP_PKEY *key, const struct judge_ca *issuer, const char *subject)
{
	*w = (struct wish) { 0 };
	OK(profile_builtin(profile, &w->profile));
	judge_spki(key, &w->spki);
	OK(pubkey_read(buf_bytes(&w->spki), &w->pub));
	OK(cert_serial(w->serial));
	judge_name(subject, &w->subject);
	w->signer = issuer ? issuer->key : key;
	w->in = (struct issue) { .profile = &w->profile,
				 .issuer = issuer ? &issuer->cert : NULL,
				 .key = &w->pub,
				 .subject = buf_bytes(&w->subject),
				 .serial = BYTES(w->serial, sizeof w->serial),
				 .now = WISH_NOW,
				 .path_len = EXT_PATH_LEN_NONE };
}

void wish_san(struct wish *w, const char *san)
{
	OK(san_add(&w->sans, san));
	w->in.sans = buf_bytes(&w->sans);
}

enum inro_err wish_issue(struct wish *w, struct buf *ret)
{
	return judge_issue(&w->in, w->signer, ret);
}
