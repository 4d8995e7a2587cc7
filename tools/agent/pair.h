/*
 * pair - key and certificate as generations in a folder, one of them live.
 *
 *   DIR/gen-7/csr.der     the request that the generation began with
 *             uri         the key's URI, one line
 *             chain.pem   certificate and chain; cert.der the certificate alone
 *             CERT-FILE KEY-FILE CA-FILE   what programs open
 *             done        the commands behind the renewal ran
 *   DIR/live -> gen-7
 *
 * 1. Key and certificate change together: what programs open is below a link, and the link is
 *    replaced by one rename(2).  At every moment of a power cut one whole pair is live.
 * 2. What is behind the link is never written again, but for `done`.
 * 3. A generation without a certificate is a request under way: it is asked for again with the same
 *    octets, so that a service whose answer was lost gives the same certificate.
 */
#ifndef INRO_TOOLS_AGENT_PAIR_H
#define INRO_TOOLS_AGENT_PAIR_H

#include "backoffice/pki/cert.h"
#include "tools/agent/settings.h"

struct pair {
	unsigned generation;
	char *uri;     /* of the key, with its pin-source */
	int64_t since; /* when it came; not_before may be earlier by what clocks differ */
	struct cert cert;
	struct cert issuer; /* of the files beside it; without DER: it is in none */
};
void pair_clear(struct pair *p);

/* The live generation; 0: none yet.  INRO_E_DAMAGED when the link says something else. */
MUST_CHECK enum inro_err pair_live(const struct agent_settings *s, unsigned *ret);
MUST_CHECK enum inro_err pair_load(const struct agent_settings *s, unsigned generation,
				   struct pair *ret);

/* Of its key.  INRO_E_NOT_FOUND: none. */
MUST_CHECK enum inro_err pair_uri(const struct agent_settings *s, unsigned generation, char **ret);

/* A file of a generation, in memory of the caller's; NULL without memory. */
char *pair_path(const struct agent_settings *s, unsigned generation, const char *file);
bool pair_has(const struct agent_settings *s, unsigned generation, const char *file);

/* The request of a generation that is being made, and its key's URI.  INRO_E_NOT_FOUND: none. */
MUST_CHECK enum inro_err pair_request(const struct agent_settings *s, unsigned generation,
				      struct buf *ret_csr, char **ret_uri);
MUST_CHECK enum inro_err pair_begin(const struct agent_settings *s, unsigned generation,
				    struct bytes csr, const char *uri);

#define PAIR_CERTS_MAX 16
#define PAIR_LIVE      "live" /* the link's name */

struct pair_new {
	struct bytes leaf;
	const struct bytes *chain, *cas; /* above the leaf, without a root; all that the CA gave */
	size_t chain_n, cas_n;
	const char *uri;
};
/* Writes its files and makes it the live one. */
MUST_CHECK enum inro_err pair_install(const struct agent_settings *s, unsigned generation,
				      const struct pair_new *in);
MUST_CHECK enum inro_err pair_mark_done(const struct agent_settings *s, unsigned generation);
/* Its request goes, on disk: from now on nobody asks with it, so that its key can go.  One that is not there is no error. */
MUST_CHECK enum inro_err pair_withdraw(const struct agent_settings *s, unsigned generation);
/* Its files go; one that is not there is no error. */
MUST_CHECK enum inro_err pair_drop(const struct agent_settings *s, unsigned generation);

#endif
