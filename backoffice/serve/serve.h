/*
 * serve - the back office on the network: `inro serve`.
 *
 * 1. The server is trusted like its database: it opens it by itself, and is nobody until a request has
 *    said who it is from (core/network.h).
 * 2. Nothing is listened at before the database, the tokens' PIN and the server's key and certificate
 *    were found to be good.
 * 3. What a protocol does is in its own room; here is only which there are.
 */
#ifndef INRO_BACKOFFICE_SERVE_SERVE_H
#define INRO_BACKOFFICE_SERVE_SERVE_H

#include "backoffice/core/core.h"
#include "backoffice/http/http.h"

#define SERVE_LISTEN_MAX 16
#define SERVE_NAMES_MAX	 16

struct serve_options {
	const char *tls[SERVE_LISTEN_MAX], *plain[SERVE_LISTEN_MAX]; /* ADDRESS:PORT */
	size_t n_tls, n_plain;
	const char *tls_key;  /* a pkcs11: URI, or a PEM file (also one that only refers to a token) */
	const char *tls_cert; /* PEM, the chain behind it; read again when it changes */
	const char *tls_ca;   /* without tls_cert: this CA of ours certifies the key, */
	const char *tls_profile; /* by this profile (NULL: tls-server), */
	const char *label; /* CA or CA.PROFILE, of EST's and CMP's paths that have none */
	const char *names[SERVE_NAMES_MAX]; /* for these names; none: the machine's */
	size_t n_names;
	const char *user;    /* started by root: who the server is once it listens; NULL: as it is */
	bool client_certs; /* TLS clients are asked for one */
	unsigned threads, workers, drain_seconds;
	unsigned retry_after; /* seconds, said to who asks for what waits for a person; 0: 60 */
	struct http_limits limits;
	const char *db, *tenant; /* as core_options */
	core_pin_fn *ask_pin;	 /* called by one thread at a time */
	bool pin_known;		 /* as core_options */
	void *ask_arg;
};

struct serve_report {
	uint64_t requests;
	size_t cut; /* connections that were not done when the time was over */
};

/* Serves until SIGTERM or SIGINT; SIGHUP looks for another certificate at once.  Beside what it is told
 * it listens at what systemd hands over (LISTEN_FDS; a socket named "http" is without TLS). */
MUST_CHECK enum inro_err serve_run(const struct serve_options *o, struct serve_report *ret);

#endif
