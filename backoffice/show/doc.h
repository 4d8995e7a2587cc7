/*
 * doc - records of the back office as JSON documents: what `inro --json` prints and what the network's
 * API answers are the same.
 *
 * 1. The json_t that come back are new references; NULL only when memory is short, which json_give()
 *    reports.
 * 2. Nothing secret is in a document, but for what its maker was handed to tell.
 */
#ifndef INRO_BACKOFFICE_SHOW_DOC_H
#define INRO_BACKOFFICE_SHOW_DOC_H

#include <jansson.h>

#include "backoffice/core/core.h"
#include "base/bytes.h"

/* A JSON string of any bytes; what is not UTF-8 becomes U+FFFD.  NULL when memory is short. */
json_t *text_json(struct bytes s);
json_t *json_of_text(const char *s);	    /* NULL and "" are null */
json_t *json_of_hex(struct bytes b);	    /* none is null */
json_t *json_of_time(int64_t unix_seconds); /* 0 is null */
json_t *json_of_dn(struct bytes der);
json_t *json_of_object(const char *text); /* JSON as it was kept; what is none is null */
/* PEM of DER blobs, one behind the other. */
json_t *json_of_pem(const char *label, const struct bytes *ders, size_t n);

/* Certificates as a PKCS#7 (RFC 2315 without a signature), PEM. */
MUST_CHECK enum inro_err json_of_pkcs7(const struct bytes *ders, size_t n, json_t **ret);
/* The rules that a certificate breaks, {"rule", "from", "wrong"} each; issuer NULL: self-signed. */
struct cert;
json_t *json_of_broken_rules(const struct cert *cert, const struct cert *issuer);

/* Hands a document over; INRO_E_NO_MEMORY when there is none. */
MUST_CHECK enum inro_err json_give(json_t *doc, json_t **ret);
/* The same after work that may have failed: then the document is let go. */
MUST_CHECK enum inro_err json_give_or_drop(enum inro_err e, json_t *doc, json_t **ret);

/* A certificate's record, with what is read from the certificate itself; as in a list: without its
 * PEM, and what it is due for; as revoked: with those of the same key. */
struct cred;
json_t *json_of_cred(const struct cred *c);
json_t *json_of_listed_cred(const struct cred *c);
json_t *json_of_revoked(const struct cred *cert);
/* After another move: with what is to be told to its CA, in words, as "tell_ca". */
json_t *json_of_moved(const struct cred *c);
/* What a pre-shared key's record says, and the key itself as "psk" where it was to be told. */
struct psk_new;
json_t *json_of_psk(const struct psk_new *p);
/* The wrong tries that its record counts, and until when they lock it. */
struct credential;
MUST_CHECK enum inro_err json_add_psk_tries(struct core *core, const char *device, const struct credential *rec,
					    json_t *doc);
struct symkey;
json_t *json_of_symkey(const struct symkey *k);

struct ca_view;
json_t *json_of_ca(const struct ca_view *v);
/* Who answers on line: its settings, and those of the list that are this CA's. */
struct status_issuers;
struct ca_messages;
json_t *json_of_ca_ocsp(const struct ca_view *v, const struct status_issuers *l);
json_t *json_of_ca_cmp(const struct ca_view *v, const struct ca_messages *m);
struct ca_key_view;
json_t *json_of_ca_key(const struct ca_key_view *v);
/* By which a root's key `generation` and the one after it vouch for each other; 0: the latest two.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err json_of_ca_links(struct core *core, const char *name, unsigned generation, json_t **ret);
/* The request that others are to certify.  INRO_E_STATE: there is none. */
MUST_CHECK enum inro_err json_of_ca_csr(struct core *core, const char *name, json_t **ret);

/* CAs from elsewhere (ca.h): what came of an import, a request, a list; a key's places. */
struct ca_imported;
json_t *json_of_ca_imported(const struct ca_view *v, const struct ca_imported *done);
struct ca_places;
json_t *json_of_ca_places(const struct ca_places *l, bool tested);
json_t *json_of_ca_changed_places(const char *ca, const struct ca_places *l);
struct ca_order_view;
json_t *json_of_ca_order(const struct ca_order_view *v);
struct ca_list_taken;
json_t *json_of_ca_list_taken(const char *ca, const struct ca_list_taken *t);
/* Certificates that came; `from`: the file, NULL: none. */
struct arrivals {
	json_t *list; /* the caller's; the document takes it over */
	size_t taken, known, refused, unrequested, warned;
};
struct ca_collected;
void arrivals_add(struct arrivals *a, const struct ca_collected *one, const char *from);
json_t *json_of_arrivals(const struct arrivals *a);

MUST_CHECK enum inro_err json_of_device(struct core *core, const struct device *d, json_t **ret);
/* The same with `anchor_before`: the id of the deleted device that had its trust anchor, or null. */
MUST_CHECK enum inro_err json_of_one_device(struct core *core, const struct device *d, json_t **ret);
json_t *json_of_group(const struct device_group *g);
/* How many devices are in it alone, by state. */
MUST_CHECK enum inro_err json_add_counts(struct core *core, const struct device_group *g,
					 json_t *doc);
/* Appends {"what", member: N} for each state, and for each group of a page. */
MUST_CHECK enum inro_err json_count_states(struct core *core, const char *member, json_t *list);
MUST_CHECK enum inro_err json_count_groups(struct core *core, const struct page *page,
					   const char *member, json_t *list, int64_t *ret_next);

/* With the id of its device. */
MUST_CHECK enum inro_err json_of_errand(struct core *core, const struct errand *e, json_t **ret);
json_t *json_of_job(const struct job *j);
json_t *json_of_proposal(const struct proposal *p);
MUST_CHECK enum inro_err json_of_account(struct core *core, const struct account *a, json_t **ret);
/* Behind a change, which is done: where it can't be read whether wrong tries still lock it, it is told as recorded.
 * `approvers_lacking` where too few are left for four eyes (eyes_lacking()). */
MUST_CHECK enum inro_err json_of_changed_account(struct core *core, const struct account *a, json_t **ret);
/* What is recorded of it, never what was given out. */
MUST_CHECK enum inro_err json_of_pass(struct core *core, const struct pass *p, json_t **ret);
json_t *json_of_tenant(const struct tenant *t);
struct setting_rule;
MUST_CHECK enum inro_err json_of_setting(struct core *core, const struct setting_rule *r,
					 json_t **ret);
/* for_people: times in its detail as dates. */
json_t *json_of_event(const struct event *ev, bool for_people);

#endif
