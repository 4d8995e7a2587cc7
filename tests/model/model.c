/* model - the state, and what logins and closed sessions change in it. */
#include "tests/model/model.h"

#include <string.h>

struct world world;
struct subject subject;

#define ALL_KINDS (IS(K__MAX) - 1)
#define ANY_TIME  (H_GIVEN | H_SET)

/* PKCS#11 3.2 4.4, 4.7 to 4.10. */
const struct flag_row model_flags[] = {
	{ CKA_TOKEN, F_TOKEN, ALL_KINDS, H_GIVEN | H_COPY, 0, "TOKEN" },
	{ CKA_PRIVATE, F_PRIVATE, ALL_KINDS, H_GIVEN | H_COPY | H_RAISE, WITH_PART, "PRIVATE" },
	{ CKA_MODIFIABLE, F_MODIFIABLE, ALL_KINDS, H_GIVEN | H_COPY | H_LOWER, ALL_KINDS, "MODIFIABLE" },
	{ CKA_COPYABLE, F_COPYABLE, ALL_KINDS, ANY_TIME | H_LOWER, ALL_KINDS, "COPYABLE" },
	{ CKA_DESTROYABLE, F_DESTROYABLE, ALL_KINDS, H_GIVEN | H_COPY | H_LOWER, ALL_KINDS,
	  "DESTROYABLE" },
	{ CKA_SENSITIVE, F_SENSITIVE, WITH_PART, ANY_TIME | H_RAISE, WITH_PART, "SENSITIVE" },
	{ CKA_EXTRACTABLE, F_EXTRACTABLE, WITH_PART, ANY_TIME | H_LOWER, 0, "EXTRACTABLE" },
	{ CKA_ALWAYS_SENSITIVE, F_ALWAYS_SENSITIVE, WITH_PART, 0, 0, "ALWAYS_SENSITIVE" },
	{ CKA_NEVER_EXTRACTABLE, F_NEVER_EXTRACTABLE, WITH_PART, 0, 0, "NEVER_EXTRACTABLE" },
	{ CKA_LOCAL, F_LOCAL, KEYS, 0, 0, "LOCAL" },
	{ CKA_ENCRYPT, F_ENCRYPT, SECRETS | IS(K_EC_PUBLIC), ANY_TIME, 0, "ENCRYPT" },
	{ CKA_DECRYPT, F_DECRYPT, WITH_PART, ANY_TIME, 0, "DECRYPT" },
	{ CKA_SIGN, F_SIGN, WITH_PART, ANY_TIME, 0, "SIGN" },
	{ CKA_VERIFY, F_VERIFY, SECRETS | IS(K_EC_PUBLIC), ANY_TIME, 0, "VERIFY" },
	{ CKA_WRAP, F_WRAP, SECRETS | IS(K_EC_PUBLIC), ANY_TIME, 0, "WRAP" },
	{ CKA_UNWRAP, F_UNWRAP, WITH_PART, ANY_TIME, 0, "UNWRAP" },
	{ CKA_DERIVE, F_DERIVE, KEYS, ANY_TIME, 0, "DERIVE" },
	{ CKA_ALWAYS_AUTHENTICATE, F_ALWAYS_AUTH, IS(K_EC_PRIVATE), H_GIVEN, 0, "ALWAYS_AUTHENTICATE" },
};
const size_t model_flags_n = ARRAY_LEN(model_flags);

#define ON(slot)  (1u << (slot))
#define MAKES	  (ON(S_SIGN) | ON(S_VERIFY))
#define ENCIPHERS (ON(S_ENCRYPT) | ON(S_DECRYPT))

const struct mech_row model_mechs[] = {
	{ CKM_SHA256, ON(S_DIGEST), K_DATA, false, 32, "SHA256" },
	{ CKM_SHA512, ON(S_DIGEST), K_DATA, false, 64, "SHA512" },
	{ CKM_SHA256_HMAC, MAKES, K_GENERIC, false, 32, "SHA256_HMAC" },
	{ CKM_AES_CMAC, MAKES, K_AES, false, 16, "AES_CMAC" },
	{ CKM_ECDSA, MAKES, K_EC_PRIVATE, true, 64, "ECDSA" },
	{ CKM_ECDSA_SHA256, MAKES, K_EC_PRIVATE, false, 64, "ECDSA_SHA256" },
	{ CKM_AES_ECB, ENCIPHERS, K_AES, false, 0, "AES_ECB" },
	{ CKM_AES_CBC, ENCIPHERS, K_AES, false, 0, "AES_CBC" },
	{ CKM_AES_CBC_PAD, ENCIPHERS, K_AES, false, 0, "AES_CBC_PAD" },
	{ CKM_AES_CTR, ENCIPHERS, K_AES, false, 0, "AES_CTR" },
	{ CKM_AES_GCM, ENCIPHERS, K_AES, false, 0, "AES_GCM" },
};
const size_t model_mechs_n = ARRAY_LEN(model_mechs);

/* ---- what is what ---- */

struct token *model_token(const struct session *s)
{
	return &world.tokens[s->token];
}

bool model_has_secret(const struct object *o)
{
	return (WITH_PART & IS(o->kind)) != 0;
}

bool model_visible(const struct object *o)
{
	return !(o->flags & F_PRIVATE) || world.tokens[o->token].login == USER;
}

bool model_readable(const struct object *o)
{
	return !(o->flags & F_SENSITIVE) && (o->flags & F_EXTRACTABLE);
}

size_t model_sessions(int token, bool only_rw)
{
	size_t n = 0;

	for (size_t i = 0; i < SESSIONS; i++) {
		const struct session *s = &world.sessions[i];

		n += s->open && s->token == token && (s->rw || !only_rw);
	}
	return n;
}

struct object *model_find_handle(CK_OBJECT_HANDLE h)
{
	for (size_t i = 0; h && i < OBJECTS; i++)
		if (world.objects[i].alive && world.objects[i].h == h)
			return &world.objects[i];
	return NULL;
}

/* ---- objects ---- */

struct object *model_new_object(void)
{
	for (size_t i = 0; i < OBJECTS; i++) {
		struct object *o = &world.objects[i];

		if (o->alive)
			continue;
		*o = (struct object) { .number = ++world.numbers, .material = -1 };
		return o;
	}
	return NULL;
}

int model_new_material(void)
{
	if (world.materials_n == MATERIALS)
		return -1;
	world.materials[world.materials_n] = (struct material) { 0 };
	return (int)world.materials_n++;
}

static void bury(CK_OBJECT_HANDLE h)
{
	if (!h)
		return;
	if (world.dead_objects_n < DEAD)
		world.dead_objects[world.dead_objects_n++] = h;
	else
		world.dead_objects[chance_below(DEAD)] = h;
}

void model_forget_object(struct object *o)
{
	bury(o->h);
	o->h = 0;
	o->alive = false;
}

/* ---- sessions ---- */

void model_open_session(int token, bool rw, CK_SESSION_HANDLE h)
{
	for (size_t i = 0; i < SESSIONS; i++) {
		if (world.sessions[i].open)
			continue;
		message_walks_forget(i);
		world.sessions[i] =
			(struct session) { .open = true, .h = h, .token = token, .rw = rw };
		return;
	}
}

void model_close_session(struct session *s)
{
	for (size_t i = 0; i < OBJECTS; i++) {
		struct object *o = &world.objects[i];

		if (o->alive && !(o->flags & F_TOKEN) && o->owner == s->h)
			model_forget_object(o);
	}
	s->open = false;
	if (world.dead_sessions_n < DEAD)
		world.dead_sessions[world.dead_sessions_n++] = s->h;
	if (model_sessions(s->token, false) == 0)
		model_logout(model_token(s));
}

/* ---- logins ---- */

void model_login(struct token *t, enum login who)
{
	t->login = who;
}

/* "It may or may not be the case that those operations are still active" (5.6.8, 5.6.10): ours go on
 * with what nobody owns, and end with what the user has. */
static void lose_operations(const struct token *t)
{
	for (size_t i = 0; i < SESSIONS * S__MAX; i++) {
		struct session *s = &world.sessions[i / S__MAX];
		struct operation *op = &s->ops[i % S__MAX];

		if (s->open && model_token(s) == t && op->state == OP_ON && op->users)
			op->state = OP_LOST;
	}
}

/* Private session objects are destroyed, handles of private objects die.  Ours lose the session's
 * secret keys as well that are not private: their values are gone with the login (docs/limits.md). */
static void lose_objects(const struct token *t)
{
	for (size_t i = 0; i < OBJECTS; i++) {
		struct object *o = &world.objects[i];
		bool lost = (o->flags & F_PRIVATE) != 0;

		if (!o->alive || &world.tokens[o->token] != t)
			continue;
		if (!(o->flags & F_TOKEN) && (lost || (subject.ours && model_has_secret(o)))) {
			model_forget_object(o);
		} else if (lost) {
			bury(o->h);
			o->h = 0;
		}
	}
}

void model_logout(struct token *t)
{
	if (t->login == NOBODY)
		return;
	lose_operations(t);
	message_walks_logout((int)(t - world.tokens));
	lose_objects(t);
	t->login = NOBODY;
}

void model_restart(void)
{
	state_walks_begin(); /* a state that was saved is this life's */
	for (size_t i = 0; i < SESSIONS; i++)
		if (world.sessions[i].open)
			model_close_session(&world.sessions[i]);
	for (size_t i = 0; i < OBJECTS; i++) {
		bury(world.objects[i].alive ? world.objects[i].h : 0);
		world.objects[i].h = 0;
	}
}
