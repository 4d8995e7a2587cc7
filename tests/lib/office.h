/*
 * office - a back office for tests: a home of its own, two tokens of the module that was built, a
 * database for each test.
 *
 * Everything fails the running test when it does not work.
 */
#ifndef INRO_TESTS_LIB_OFFICE_H
#define INRO_TESTS_LIB_OFFICE_H

#include <openssl/x509.h>
#include <stdatomic.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"

#define OFFICE_PIN "123456"

/* How many transactions that write this program has committed. */
extern atomic_uint office_commits;
/* Called before each of them begins; NULL: nobody looks. */
extern void (*office_before_write)(void);

/* Home and module by environment; tokens "ca" and "line".  Once a program, before any other. */
void office_tokens(void);

/* The database of that name: a file in the scratch folder or, with INRO_TEST_DB=postgres, one of a
 * server of the test's own (lib/postgres.h).  Good until the eighth call after this one. */
const char *office_url(const char *db);

bool office_on_postgres(void);

/* A back office on the database of that name, by "tester" as administrator. */
struct core *office_open(const char *db);
/* The same with other options; o->db is set from `db` unless it is given. */
struct core *office_open_as(const char *db, struct core_options o);
/* Tenant plant2 of office_db, made, with a CA "issuing" too: its key has that label in token "ca". */
struct core *office_open_plant2(struct core *c, char label[static 48]);
/* The options of office_open(). */
struct core_options office_options(void);
/* How often a PIN was asked for; what the next askings answer (NULL: none). */
extern atomic_int office_asked;
extern const char *office_pin;

/* "root" and "issuing" under it, both keys in token "ca", under labels that start with `label`. */
void office_make_cas(struct core *c, const char *label);

/* The setup and teardown of a test with a back office of its own: *state is the core, on the
 * database office_db, with the CAs above under labels that start with office_label ("NAME-0",
 * "NAME-1", …). At the end the audit is verified, and the clock and the PIN are set right. */
extern char office_db[40], office_label[32];
int office_setup(void **state, const char *name);
int office_teardown(void **state);

/* Requests made by libcrypto. */
void office_add_group(struct core *c, const char *path, const char *policy);
void office_add_device(struct core *c, const char *id, const struct device_fields *f);

EVP_PKEY *office_key(const char *type); /* "P-256", "rsa:2048" */
/* A P-256 key for all tests of a program, beside the tokens: a group's setup and teardown. */
extern EVP_PKEY *office_ec;
int office_with_key(void **state);
int office_drop_key(void **state);
void office_csr(EVP_PKEY *key, const char *cn, struct buf *ret_der);

/* The certificate and CRL as libcrypto reads them; the caller frees. */
X509 *office_x509(const struct blob *der);
/* X509_V_OK or why libcrypto does not accept it: the chain of `ca`, at this clock's time, with this
 * CRL of the issuing CA (empty: no CRL check). */
int office_verify(struct core *c, const char *ca, const struct blob *cert, struct bytes crl);

/* A certificate of "issuing" by tls-client for CN=x, and the name by which it is told. */
struct office_issued {
	char ref[24];
	struct cred cred;
};
void office_issue_key(struct core *c, EVP_PKEY *key, struct office_issued *ret);
void office_issue(struct core *c, struct office_issued *ret); /* for office_ec */
/* office_verify() of it with a fresh list of its CA. */
int office_verdict(struct core *c, const struct office_issued *i);

/* Objects of a class in a token. */
size_t office_count(const char *token, unsigned long class);
/* Wrong PINs until the token's user is locked; the SO gives him OFFICE_PIN again.  Each in a
 * process of its own (scratch_child()): nobody may be logged in. */
void office_lock(const char *token);
void office_unlock(const char *token);
/* A statement run on the database behind the back office's back. */
void office_sql(const char *db, const char *sql);
/* What happens behind its back at each row: `when` is like "AFTER INSERT ON credential", the
 * statement ends without ';'.  On both kinds of databases. */
void office_trigger(const char *db, const char *name, const char *when, const char *sql);
void office_trigger_drop(const char *db, const char *name);
/* How many events say these words in their details, as who reads the audit sees them (a database has
 * them packed, store/pack.h); c may read it. */
size_t office_said(struct core *c, const char *words);
/* How many events tell of a refusal. */
size_t office_refusals(struct core *c);
/* A number from there. */
long long office_ask(const char *db, const char *sql);

#endif
