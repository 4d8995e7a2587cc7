/*
 * model - what PKCS#11 3.2 says a token must do, small enough to be read: the oracle of random walks.
 *
 * 1. A walk makes calls on two tokens.  Before each the model says which answers are right: CKR_OK
 *    when nothing forbids the call, else one of the codes of what forbids it.  Where the standard
 *    leaves a choice, the set says so.
 * 2. After each call the model changes as the standard says, and what can be seen of the module must
 *    be what the model has: sessions, logins, handles, attributes.
 * 3. What comes out of an operation is checked by libcrypto (oracle.h) wherever the key is known.
 * 4. A walk follows from its seed alone.  One that fails prints seed and calls.
 *
 * The files: model.c (the state and its changes), say.c (chance, the log, sets of answers), oracle.c,
 * template.c (templates and attributes), walk_*.c (the calls), ../unit/test_model.c (who walks where).
 */
#ifndef INRO_TESTS_MODEL_MODEL_H
#define INRO_TESTS_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"
#include "tests/lib/module.h"

/* ---- sizes ---- */

enum {
	TOKENS = 2,
	SESSIONS = 6,
	OBJECTS = 40,
	MATERIALS = 64,
	DEAD = 32,
	INPUT_MAX = 160,
	FOUND_MAX = 200,
};

/* ---- objects ---- */

enum kind { K_DATA, K_AES, K_GENERIC, K_EC_PUBLIC, K_EC_PRIVATE, K__MAX };

#define IS(kind)  (1u << (kind))
#define SECRETS	  (IS(K_AES) | IS(K_GENERIC))
#define WITH_PART (SECRETS | IS(K_EC_PRIVATE)) /* something in it is secret */
#define KEYS	  (WITH_PART | IS(K_EC_PUBLIC))

/* CK_BBOOL attributes, as bits. */
enum flag {
	F_TOKEN = 1 << 0,
	F_PRIVATE = 1 << 1,
	F_MODIFIABLE = 1 << 2,
	F_COPYABLE = 1 << 3,
	F_DESTROYABLE = 1 << 4,
	F_SENSITIVE = 1 << 5,
	F_EXTRACTABLE = 1 << 6,
	F_ALWAYS_SENSITIVE = 1 << 7,
	F_NEVER_EXTRACTABLE = 1 << 8,
	F_LOCAL = 1 << 9,
	F_ENCRYPT = 1 << 10,
	F_DECRYPT = 1 << 11,
	F_SIGN = 1 << 12,
	F_VERIFY = 1 << 13,
	F_WRAP = 1 << 14,
	F_UNWRAP = 1 << 15,
	F_DERIVE = 1 << 16,
	F_ALWAYS_AUTH = 1 << 17,
};

/* What the standard lets be done with such an attribute. */
enum how {
	H_GIVEN = 1, /* in the template of a new object */
	H_SET = 2,   /* by C_SetAttributeValue, and so by C_CopyObject */
	H_COPY = 4,  /* by C_CopyObject only */
	H_RAISE = 8, /* only from false to true */
	H_LOWER = 16,
};

struct flag_row {
	CK_ATTRIBUTE_TYPE type;
	enum flag flag;
	unsigned kinds;	  /* that have it */
	unsigned how;	  /* of public keys and data for uses: see model_how() */
	unsigned by_self; /* kinds in which it is true when the template does not say */
	const char *name;
};
extern const struct flag_row model_flags[];
extern const size_t model_flags_n;

/* The latest signature or ciphertext by a key whose value is not known. */
struct memo {
	CK_MECHANISM_TYPE mech;
	uint8_t in[INPUT_MAX], out[INPUT_MAX + 32];
	size_t in_n, out_n;
};

/* What keys consist of; copies share it. */
struct material {
	bool known; /* value, or the private half */
	uint8_t value[32];
	size_t n;
	void *pkey; /* EVP_PKEY: the public half at least */
	struct memo memo;
};

struct object {
	bool alive;
	int token; /* index */
	enum kind kind;
	unsigned flags;
	CK_OBJECT_HANDLE h;	 /* 0: not known, it has to be looked for */
	CK_SESSION_HANDLE owner; /* of session objects */
	int material;
	unsigned number; /* in its label, which is nobody else's */
	uint8_t id;	 /* CKA_ID, of keys: one byte, 0 none */
	uint8_t value[16];
	size_t value_n;
	CK_MECHANISM_TYPE maker; /* CKA_KEY_GEN_MECHANISM */
};

/* ---- operations ---- */

enum slot { S_DIGEST, S_SIGN, S_VERIFY, S_ENCRYPT, S_DECRYPT, S__MAX };

struct mech_row {
	CK_MECHANISM_TYPE type;
	unsigned slots; /* 1 << enum slot */
	enum kind kind; /* of the key; of a pair the private half */
	bool whole;	/* takes no parts */
	CK_ULONG out;	/* of digests, signatures, MACs */
	const char *name;
};
extern const struct mech_row model_mechs[];
extern const size_t model_mechs_n;

enum op_state {
	OP_NONE,
	OP_ON,
	OP_LOST, /* a logout took its key: it gives nothing out any more, and may have ended */
};

struct operation {
	enum op_state state;
	const struct mech_row *mech;
	int material; /* -1: digests */
	bool parts;
	bool waits;		/* for a login of its own */
	bool always;
	bool in_tpm;
	bool users;		/* ends with the login */
	uint8_t in[INPUT_MAX];	/* what was fed */
	size_t in_n;
	struct memo memo;	/* as it was when this began */
	uint8_t plan[INPUT_MAX]; /* what will be: a ciphertext that opens, a message with its signature */
	size_t plan_n;
	uint8_t sig[64];
	size_t sig_n;
	uint8_t out[INPUT_MAX + 64]; /* what parts have given */
	size_t out_n;
};

struct search {
	bool on;
	CK_OBJECT_HANDLE left[OBJECTS];
	size_t n;
};

struct session {
	bool open;
	CK_SESSION_HANDLE h;
	int token;
	bool rw;
	struct operation ops[S__MAX];
	struct search search;
};

enum login { NOBODY, USER, OFFICER };

struct token {
	CK_SLOT_ID slot;
	enum login login;
};

struct world {
	struct token tokens[TOKENS];
	struct session sessions[SESSIONS];
	struct object objects[OBJECTS];
	struct material materials[MATERIALS];
	size_t materials_n;
	CK_SESSION_HANDLE dead_sessions[DEAD];
	CK_OBJECT_HANDLE dead_objects[DEAD];
	size_t dead_sessions_n, dead_objects_n;
	unsigned numbers; /* of labels */
};
extern struct world world;

/* Who is asked. */
struct subject {
	CK_FUNCTION_LIST *f;
	struct ck_functions_3_0 *f3; /* NULL: it has none */
	bool ours, in_tpm;
};
extern struct subject subject;

/* ---- model.c ---- */

void model_open_session(int token, bool rw, CK_SESSION_HANDLE h);
void model_close_session(struct session *s);
void model_login(struct token *t, enum login who);
void model_logout(struct token *t);
/* C_Finalize: what is in tokens stays. */
void model_restart(void);

struct token *model_token(const struct session *s);
bool model_visible(const struct object *o);
bool model_has_secret(const struct object *o);
/* C_GetAttributeValue gives its value. */
bool model_readable(const struct object *o);
size_t model_sessions(int token, bool only_rw);
/* NULL: there is no room. */
struct object *model_new_object(void);
int model_new_material(void);
void model_forget_object(struct object *o);
struct object *model_find_handle(CK_OBJECT_HANDLE h);

/* ---- say.c ---- */

void chance_begin(uint64_t seed);
uint32_t chance_below(uint32_t n);
bool chance(unsigned percent);
void chance_fill(uint8_t *p, size_t n);

void say_begin(uint64_t seed);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The walk, for who wants to read it (INRO_TEST_TELL). */
void say_all(void);
/* Ends the test. */
_Noreturn void say_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define RIGHT(condition, ...) ((condition) ? (void)0 : say_wrong(__VA_ARGS__))

/* The answers that are right. */
struct answers {
	CK_RV rv[12];
	size_t n;
	bool also_ok; /* the standard leaves it open */
	bool idle;    /* there is nothing to make the call with: not worth making */
};
void may_be(struct answers *a, CK_RV rv);
/* The answer is one of them; without any it must be CKR_OK.  Whether it is CKR_OK. */
bool answered(const struct answers *a, CK_RV rv);

/* ---- picks: what a call is made with ---- */

/* An open session; now and then a closed one, which is said in *ret_dead.  NULL: none is open. */
struct session *pick_session(CK_SESSION_HANDLE *ret_h, struct answers *a);
/* An object of these kinds, most often one that the session sees; NULL: *ret_h is no such handle, and
 * `none` is among the answers. */
struct object *pick_object(const struct session *s, unsigned kinds, CK_RV none, CK_OBJECT_HANDLE *ret_h,
			   struct answers *a);

/* The same, most often one with these flags. */
struct object *pick_key(const struct session *s, unsigned kinds, unsigned flags, CK_RV none,
			CK_OBJECT_HANDLE *ret_h, struct answers *a);

/* ---- template.c ---- */

struct form {
	CK_ATTRIBUTE a[40];
	CK_ULONG n;
	uint8_t room[1024];
	size_t used;
};
void form_bytes(struct form *f, CK_ATTRIBUTE_TYPE type, const void *p, size_t n);
void form_flag(struct form *f, CK_ATTRIBUTE_TYPE type, bool value);
void form_number(struct form *f, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
/* Its own label. */
void form_label(struct form *f, const struct object *o);
/* Draws flags for a new object, and writes those that the template gives. */
void form_new(struct form *f, struct object *o, enum kind kind);
/* Spoils it, now and then: the answer is in *a then. */
void form_spoil(struct form *f, const struct object *o, struct answers *a);
/* Draws changes of o and applies them to it as far as they are allowed. */
void form_change(struct form *f, struct object *o, bool copy, bool officer, struct answers *a);
unsigned model_how(const struct flag_row *row, enum kind kind);
/* All that can be read of an object is what the model has. */
void look_at_object(const struct session *s, const struct object *o);
/* The value of an attribute in the model: false when the object has none. */
bool model_attribute(const struct object *o, CK_ATTRIBUTE_TYPE type, uint8_t *ret, size_t *ret_n);

/* ---- oracle.c ---- */

/* CKR_OK with the output, or the code for bad input.  Room: INPUT_MAX + 64. */
CK_RV oracle_make(const struct mech_row *m, enum slot slot, const struct material *k, const uint8_t *in,
		  size_t n, uint8_t *out, size_t *ret_n);
/* ECDSA: r and s side by side. */
bool oracle_verify(const struct mech_row *m, const struct material *k, const uint8_t *in, size_t n,
		   const uint8_t *sig);
void *oracle_new_pair(uint8_t ret_private[32], uint8_t ret_point[67]);
/* A DER OCTET STRING of a point. */
void *oracle_public(const uint8_t point[67]);
void oracle_free(void *pkey);
/* The mechanism with its parameter, which lies in static memory. */
CK_MECHANISM oracle_mechanism(const struct mech_row *m);

/* ---- the calls ---- */

struct call {
	const char *name;
	unsigned weight;
	void (*make)(void);
};
extern const struct call session_calls[], object_calls[], search_calls[], begin_calls[], op_calls[],
	key_calls[], dual_calls[], message_calls[], state_calls[];
extern const size_t session_calls_n, object_calls_n, search_calls_n, begin_calls_n, op_calls_n,
	key_calls_n, dual_calls_n, message_calls_n, state_calls_n;

/* What the session may not have is among the answers. */
void object_may_keep(const struct session *s, const struct object *o, struct answers *a);
/* It is there now, with this handle, and is looked at. */
void object_born(const struct session *s, struct object *o, CK_OBJECT_HANDLE h);
/* CKA_LOCAL and what follows; CK_UNAVAILABLE_INFORMATION: it was not generated here. */
void object_history(struct object *o, CK_MECHANISM_TYPE maker);
/* Reads the value of a secret key if the token gives it: it must be what is known. */
void object_learn(const struct session *s, const struct object *o);
/* Nothing is wrapped yet. */
void key_walks_begin(void);
/* The place of a session is taken anew; the user of a token has logged out. */
void message_walks_forget(size_t session);
void message_walks_logout(int token);
/* How many of a session's are so. */
size_t message_walks_count(const struct session *s, enum op_state state);
/* Nothing is put aside yet. */
void state_walks_begin(void);

/* Handles of what became visible or has them anew. */
void search_anew(void);
/* Every object that a session sees, and nothing else, is found. */
void search_all(void);
void look_at_sessions(void);

#endif
