/*
 * cert_ref - the certificate that a command is about: by what the record has of it, or by a file with it.
 */
#ifndef INRO_TOOLS_CERT_REF_H
#define INRO_TOOLS_CERT_REF_H

#include "base/bytes.h"
#include "tools/cmd.h"

struct core;

struct cert_ref {
	char text[112]; /* as cred_get() takes it: also a fingerprint as openssl writes it, with colons */
};

/* The first argument, and the back office.  What has a '.' or a '/' in it names a file (PEM or DER); of one with several
 * certificates the first counts. */
MUST_CHECK enum inro_err cert_ref_open(const struct call *c, struct core **ret, struct cert_ref *ref);
/* A file's certificate, PEM or DER; of several the first. */
struct cert;
MUST_CHECK enum inro_err cert_ref_read(const char *path, struct cert *ret);

#endif
