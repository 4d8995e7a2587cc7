/* noun_psk - the pre-shared key that goes with a device's id. */
#include "backoffice/core/psk.h"

#include <stdio.h>

#include "tools/many.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/text.h"

static enum inro_err give_psk(const struct call *c, const struct psk_new *p, json_t **ret)
{
	json_t *doc = json_of_psk(p);
	if (doc)
		json_object_set_new(doc, "device", json_of_text(call_arg(c, 0)));
	return json_give(doc, ret);
}

/* The key that a person chose, if one is to be taken. */
static enum inro_err take_given(const struct call *c, struct secret *ret)
{
	if (!call_has(c, "given"))
		return INRO_OK;
	return pin_take(c, PIN_PSK, call_arg(c, 0), true, ret);
}

/* For people; of a key that somebody chose nobody knows it. */
static void add_bits(const struct psk_new *p, json_t *doc)
{
	char text[32] = "";
	if (p->bits)
		snprintf(text, sizeof text, " (%u bits)", p->bits);
	json_object_set_new(doc, "bits", json_string(text));
}

static enum inro_err make_psk(const struct call *c, bool rotate, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(psk_new) p = { 0 };
	SCOPED(secret) given = { 0 };
	enum inro_err e = take_given(c, &given);
	if (!e)
		e = office_open(c, &core);
	if (!e && rotate)
		e = psk_rotate(core, call_arg(c, 0), secret_bytes(&given),
			       call_number(c, "grace", 0), &p);
	else if (!e)
		e = psk_issue(core, call_arg(c, 0), secret_bytes(&given), &p);
	if (!e)
		office_note_psk(&p);
	if (!e)
		e = give_psk(c, &p, ret);
	if (!e && !c->json)
		add_bits(&p, *ret);
	return e;
}

static enum inro_err psk_issue_run(const struct call *c, json_t **ret)
{
	return make_psk(c, false, ret);
}

static enum inro_err psk_rotate_run(const struct call *c, json_t **ret)
{
	return make_psk(c, true, ret);
}

/* The key alone, for a program that reads a line. */
static enum inro_err add_line(const struct psk_new *p, json_t *doc)
{
	SCOPED(buf) line = { .secret = true };
	buf_add(&line, secret_bytes(&p->value));
	buf_add_u8(&line, '\n');
	if (!buf_err(&line))
		json_object_set_new(doc, "text", text_json(buf_bytes(&line)));
	return buf_err(&line);
}

static enum inro_err psk_get_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(psk_new) p = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = psk_get(core, call_arg(c, 0), &p);
	if (!e)
		e = give_psk(c, &p, ret);
	return e || c->json ? e : add_line(&p, *ret);
}

static enum inro_err psk_show_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(psk_new) p = { 0 };
	json_t *doc = NULL;
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = psk_show(core, call_arg(c, 0), &p.rec);
	if (!e)
		e = give_psk(c, &p, &doc);
	if (!e)
		e = json_add_psk_tries(core, call_arg(c, 0), &p.rec, doc);
	return json_give_or_drop(e, doc, ret);
}

static enum inro_err psk_verify_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(secret) value = { 0 };
	enum inro_err e = pin_take(c, PIN_PSK, call_arg(c, 0), false, &value);
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = psk_verify(core, call_arg(c, 0), secret_bytes(&value));
	return e ? e
		 : json_give(json_pack("{s:s s:b}", "device", call_arg(c, 0), "verified", 1), ret);
}

static enum inro_err psk_delete_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	size_t n = 0;
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = psk_delete(core, call_arg(c, 0), call_opt(c, "why"), &n);
	return e ? e
		 : json_give(json_pack("{s:s s:I}", "device", call_arg(c, 0), "destroyed",
				       (json_int_t)n),
			     ret);
}

static enum inro_err psk_release_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = psk_release(core, call_arg(c, 0));
	return e ? e : json_give(json_pack("{s:s}", "device", call_arg(c, 0)), ret);
}

/* ---- many ---- */

static void add_psk(struct many *m, const char *device, const struct psk_new *p, bool made)
{
	json_t *doc = json_pack("{s:o s:b}", "device", json_of_text(device), "made", made);
	json_object_update_new(doc, json_of_psk(p));
	many_add(m, doc);
	m->done++;
}

/* A key of which only a hash is recorded is nowhere else: it is on disk before that. */
static enum inro_err keep_psk(void *arg, const char *device, const struct psk_new *p)
{
	json_t *doc;
	if (!psk_is_hashed(p))
		return INRO_OK;
	doc = json_pack("{s:o s:b}", "device", json_of_text(device), "made", true);
	json_object_update_new(doc, json_of_psk(p));
	return many_keep(arg, doc);
}

/* One that has a key already is told it again, so that a run that was cut off is simply repeated. */
static enum inro_err hand_out_one(struct many *m, const char *device)
{
	SCOPED(psk_new) p = { 0 };
	SCOPED(credential) now = { 0 };
	enum inro_err e = psk_show(m->core, device, &now);
	bool made = e == INRO_E_NOT_FOUND;
	if (made)
		e = psk_issue_kept(m->core, device, keep_psk, m, &p);
	else if (!e)
		e = psk_get(m->core, device, &p);
	if (e)
		many_failed(m, device, NULL, e);
	else
		add_psk(m, device, &p, made);
	return many_ends(e) || m->stuck ? e : INRO_OK;
}

/* Keys that are kept as a hash are in such a file only: none is written over. */
static enum inro_err psk_hand_out_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct many m = { .one = hand_out_one };
	enum inro_err e = office_new_file(call_opt(c, "out"));
	if (!e)
		e = office_open(c, &core);
	m.core = core;
	if (!e)
		e = many_run(&m, c);
	if (!e)
		e = many_give(&m, json_object(), ret);
	return e;
}

/* ---- the rows ---- */

#define ARG_DEVICE                                                                                 \
	{                                                                                          \
		.name = "DEVICE", .help = "the device's id"                                        \
	}
#define OPT_GIVEN                                                                                  \
	{                                                                                          \
		.name = "given", .kind = OPT_FLAG,                                                 \
		.help = "take a key that is given instead of making one; it must be as the "       \
			"policy wants"                                                             \
	}
#define PSK_SAID "the pre-shared key of device '{device}'{bits}: {psk}"

const struct cmd_verb psk_verbs[] = {
	{ .name = "issue",
	  .summary = "Gives a device a pre-shared key",
	  .args = ARGS(ARG_DEVICE),
	  .opts = OPTS(OPT_GIVEN),
	  .shared = { pin_user_opts, pin_psk_opts },
	  .run = psk_issue_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = PSK_SAID },
	{ .name = "rotate",
	  .summary = "Replaces a device's pre-shared key",
	  .args = ARGS(ARG_DEVICE),
	  .opts = OPTS(OPT_GIVEN, { .name = "grace",
				    .arg = "SECONDS",
				    .kind = OPT_NUMBER,
				    .help = "seconds that the old one stays valid; default: "
					    "none" }),
	  .shared = { pin_user_opts, pin_psk_opts },
	  .run = psk_rotate_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = PSK_SAID },
	{ .name = "get",
	  .summary = "Shows a device's pre-shared key again, where the policy keeps it sealed",
	  .args = ARGS(ARG_DEVICE),
	  .shared = { pin_user_opts },
	  .run = psk_get_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_TEXT },
	{ .name = "hand-out",
	  .summary = "Exports the pre-shared keys of many devices to a file; a device without one "
		     "gets one",
	  .opts = OPTS({ .name = "devices",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .help = "of these devices, one id per line" },
		       { .name = "where",
			 .arg = "WORDS",
			 .kind = OPT_TEXT,
			 .help = "of the devices that this finds; see 'inro device list --help'" },
		       { .name = "all", .kind = OPT_FLAG, .help = "of every device" },
		       { .name = "out",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .makes = true,
			 .required = true,
			 .help = "the file, JSON lines; only its owner can read it" }),
	  .shared = { pin_user_opts },
	  .check = many_check,
	  .run = psk_hand_out_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "{keys} pre-shared {keys:key is|keys are} in {file}; {failed} {failed:device has|devices have} none that can be told" },
	{ .name = "show",
	  .summary = "Shows how a device's pre-shared key is stored, and the count of wrong tries",
	  .args = ARGS(ARG_DEVICE),
	  .run = psk_show_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .columns = COLUMNS({ "device", "Device" }, { "psk_store", "Kept" },
			     { "psk_issued", "Issued" }, { "wrong_tries", "Wrong tries" },
			     { "locked_until", "Locked until" }) },
	{ .name = "verify",
	  .summary = "Checks whether a pre-shared key is the device's; wrong tries are counted",
	  .args = ARGS(ARG_DEVICE),
	  .shared = { pin_user_opts, pin_psk_opts },
	  .run = psk_verify_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "that is the pre-shared key of device '{device}'" },
	{ .name = "release",
	  .summary = "Unlocks a pre-shared key that wrong tries have locked",
	  .args = ARGS(ARG_DEVICE),
	  .run = psk_release_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "the pre-shared key of device '{device}' can be tried again" },
	{ .name = "delete",
	  .summary = "Destroys a device's pre-shared keys",
	  .args = ARGS(ARG_DEVICE),
	  .opts = OPTS(OPT_WHY),
	  .run = psk_delete_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "device '{device}' has no pre-shared key any more" },
	{ 0 },
};
