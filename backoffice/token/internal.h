/* internal - what the files of this folder share. */
#ifndef INRO_BACKOFFICE_TOKEN_INTERNAL_H
#define INRO_BACKOFFICE_TOKEN_INTERNAL_H

#include "backoffice/pki/pubkey.h"
#include "backoffice/token/token.h"

struct token {
	struct ck_module *module;
	CK_FUNCTION_LIST *f;
	struct p11_uri uri; /* what the token is found by again: label, serial, module */
	struct secret pin;
	bool logged_in; /* opened with a login */
	struct ck_token info;
	CK_SESSION_HANDLE session;
	uint64_t generation; /* of the module when the session was opened */
	unsigned epoch;	     /* counts the sessions; handles of another epoch are dead */
};

struct token_key {
	struct token *token;
	CK_OBJECT_HANDLE handle;
	unsigned epoch;
	char *label;
	struct buf id, spki;
	struct pubkey pub; /* borrows from spki */
	unsigned trusted;  /* signatures that need no look, in the session of `trusted_in` */
	unsigned trusted_in;
};

/* Before each use: the session is alive in this process, or is opened anew. */
MUST_CHECK enum inro_err token_ready(struct token *t);
/* May the session or its login be gone, so that another try makes sense? */
bool token_is_lost(enum inro_err e);
/* The next token_ready() opens a new session. */
void token_lose(struct token *t);

/* A template being put together; values are borrowed. */
#define TEMPLATE_MAX 24

struct template
{
	CK_ATTRIBUTE a[TEMPLATE_MAX];
	CK_ULONG n;
};

void template_add(struct template *t, CK_ATTRIBUTE_TYPE type, struct bytes value);
void template_add_bool(struct template *t, CK_ATTRIBUTE_TYPE type, bool value);
/* `value` must live as long as the template. */
void template_add_ulong(struct template *t, CK_ATTRIBUTE_TYPE type, const CK_ULONG *value);

/* A token that does not do as it was told is not one to keep a key in: INRO_E_TOKEN when it can be
 * taken out, or read. */
MUST_CHECK enum inro_err token_check_kept(struct token *t, CK_OBJECT_HANDLE key);
/* Before each use of a key: its session lives, and the handle is one of it. */
MUST_CHECK enum inro_err token_key_ready(struct token_key *k);

/* Every object of that class with that id (and, if not empty, value).  Caller frees *ret. */
MUST_CHECK enum inro_err token_find_id(struct token *t, CK_OBJECT_CLASS class, struct bytes id,
				       struct bytes value, CK_OBJECT_HANDLE **ret, CK_ULONG *ret_n);
/* Those of an entry: by its id, and by its label where that finds any. */
MUST_CHECK enum inro_err token_find_entry(struct token *t, CK_OBJECT_CLASS class, const struct token_entry *e,
					  CK_OBJECT_HANDLE **ret, CK_ULONG *ret_n);
void free_handles(CK_OBJECT_HANDLE **p); /* for AUTO() */

/* INRO_E_EXISTS when a private key has that id, or that label and that matters. */
MUST_CHECK enum inro_err token_key_refuse_twin(struct token *t, const struct token_key_plan *plan,
					       struct bytes id);
/* INRO_E_EXISTS when there is an object of that class with that attribute; `what` names it. */
MUST_CHECK enum inro_err token_refuse_same(struct token *t, CK_OBJECT_CLASS class,
					   CK_ATTRIBUTE_TYPE type, struct bytes value,
					   const char *what);
/* 1 to TOKEN_KEY_LABEL_MAX bytes of UTF-8 without control characters. */
MUST_CHECK enum inro_err token_key_check_label(const char *label);
/* The id of the plan, or a random one, appended. */
MUST_CHECK enum inro_err token_key_choose_id(const struct token_key_plan *plan, struct buf *ret);
/* The token is ready, the plan's label one that can be, its id chosen, and no private key there has either. */
MUST_CHECK enum inro_err token_key_place(struct token *t, const struct token_key_plan *plan,
					 struct buf *ret_id);
/* The attributes that every private and public key of ours has. */
void template_private(struct template *t, const struct token_key_plan *plan, struct bytes id);
/* Where it is to be, if the plan says. */
void template_wishes(struct template *t, const struct token_key_plan *plan);
void template_secret(struct template *t, const struct token_secret_plan *plan, struct bytes id);
/* A label that is good, an id and a label that are free; the id is appended. */
MUST_CHECK enum inro_err token_secret_name(struct token *t, const struct token_secret_plan *plan,
					   struct buf *ret_id);
void template_public(struct template *t, const struct token_key_plan *plan, struct bytes id);

/* As token_cert_store() without `replace`; the new object, or CK_INVALID_HANDLE when the same
 * certificate was there. */
MUST_CHECK enum inro_err token_cert_add(struct token *t, const struct token_cert *c,
					CK_OBJECT_HANDLE *ret);

/* A pair that was just made becomes a key; when it is not as it should be, both go again. */
struct token_pair {
	CK_OBJECT_HANDLE private_key, public_key;
};

MUST_CHECK enum inro_err token_key_adopt(struct token *t, const struct token_pair *pair,
					 const struct token_key_plan *plan, struct bytes id,
					 struct token_key **ret);

/* CKA_ALLOWED_MECHANISMS of an RSA key that signs by PSS alone; `only`: by this hash. */
struct pss_list {
	CK_MECHANISM_TYPE mech[4];
	size_t n;
};
void token_pss_list(enum pki_hash only, struct pss_list *ret);
struct bytes pss_list_bytes(const struct pss_list *l);
/* The same for the public half, which then says without a login what the key is for; other modules may not take it
 * there.  The list must live as long as the template. */
void token_pss_public(const struct token *t, const struct pss_list *l, struct template *public_key);
/* SubjectPublicKeyInfo of the pair of `private_key`, appended; `from`: the object of the two that
 * knows it.  Of a key that signs by PSS alone it is one of id-RSASSA-PSS. */
MUST_CHECK enum inro_err token_public_key(struct token *t, CK_OBJECT_HANDLE private_key,
					  CK_OBJECT_HANDLE from, struct buf *ret);
/* Of what kind and size a private or public key is, also one that is bound to a hash by which nothing is signed here. */
MUST_CHECK enum inro_err token_public_kind(struct token *t, CK_OBJECT_HANDLE key, enum pki_key *ret_type,
					   unsigned *ret_bits);

#endif
