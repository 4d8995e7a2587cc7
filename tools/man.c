/* man - inro(1) in roff, from the command table. */
#include "tools/help.h"

#include <string.h>

/* Text as roff takes it: no line that is a request, dashes that are dashes. */
static void add_roff(const char *s, struct buf *out)
{
	if (*s == '.' || *s == '\'')
		buf_add_str(out, "\\&");
	for (; *s; s++) {
		if (*s == '\\')
			buf_add_str(out, "\\e");
		else if (*s == '-')
			buf_add_str(out, "\\-");
		else
			buf_add_u8(out, (uint8_t)*s);
	}
}

static void add_roff_buf(struct buf *text, struct buf *out)
{
	AUTO(free_chars) char *s = buf_take_str(text);
	if (s)
		add_roff(s, out);
}

static void add_item(struct buf *name, struct buf *what, struct buf *out)
{
	buf_add_str(out, ".TP\n\\fB");
	add_roff_buf(name, out);
	buf_add_str(out, "\\fR\n");
	add_roff_buf(what, out);
	buf_add_u8(out, '\n');
}

static void add_option_item(const struct cmd_opt *o, struct buf *out)
{
	SCOPED(buf) name = { 0 };
	SCOPED(buf) what = { 0 };
	help_add_option(o, &name);
	help_add_what(o, &what);
	add_item(&name, &what, out);
	if (o->kind != OPT_CHOICE || !o->arg || !o->arg[0])
		return;
	buf_add_str(out, "(");
	for (size_t i = 0; o->choices[i]; i++) {
		buf_add_str(out, i ? ", " : "");
		add_roff(o->choices[i], out);
	}
	buf_add_str(out, ")\n");
}

static void add_command(const struct cmd_noun *n, const struct cmd_verb *v, struct buf *out)
{
	SCOPED(buf) usage = { 0 };
	help_add_usage(n, v, &usage);
	buf_add_str(out, ".SS ");
	buf_addf(out, "%s%s%s\n", n->name, v->name[0] ? " " : "", v->name);
	add_roff_buf(&usage, out);
	buf_add_str(out, "\n.PP\n");
	add_roff(v->summary, out);
	buf_add_str(out, ".\n");
	for (const struct cmd_arg *a = v->args; a && a->name; a++) {
		SCOPED(buf) name = { 0 };
		SCOPED(buf) what = { 0 };
		buf_add_str(&name, a->name);
		buf_add_str(&what, a->help);
		add_item(&name, &what, out);
	}
	const struct cmd_opt *o;
	for (size_t i = 0; (o = cmd_option(v, i)); i++)
		add_option_item(o, out);
}

static const char head[] =
	".TH INRO 1 \"\" \"inro " INRO_VERSION "\" \"Inro\"\n"
	".SH NAME\ninro \\- device keys in tokens, and the office that certifies them\n"
	".SH SYNOPSIS\n\\fBinro\\fR [\\fB\\-\\-home\\fR DIR] [\\fB\\-\\-json\\fR] NOUN VERB ...\n"
	".SH DESCRIPTION\n"
	"Inro keeps device keys in tokens, lets every program use them through PKCS#11 or "
	"OpenSSL,\n"
	"and makes, certifies, renews and retires them.\n"
	"Options may stand before or behind the arguments, as \\fB\\-\\-name value\\fR or\n"
	"\\fB\\-\\-name=value\\fR; \\fB\\-\\-\\fR ends them. \\fB\\-h\\fR is \\fB\\-\\-help\\fR, \\fB\\-y\\fR is\n"
	"\\fB\\-\\-yes\\fR.\n"
	"Keys are named by PKCS#11 URIs (RFC 7512), for example\n"
	".BR pkcs11:token=line1;object=dev\\-0001;type=private .\n"
	".SH OPTIONS\n";

static const char tail[] =
	".SH PINS\n"
	"A PIN comes from the file that \\fB\\-\\-pin\\-source\\fR names, else from the\n"
	"environment (\\fBINRO_PIN\\fR, \\fBINRO_SO_PIN\\fR, \\fBINRO_NEW_PIN\\fR), else from a\n"
	"prompt on the terminal. There is no option that takes a PIN itself.\n"
	"An account's password comes from \\fB\\-\\-password\\-source\\fR, \\fBINRO_PASSWORD\\fR or a "
	"prompt.\n"
	"The passphrase of a backup or a key file (\\fBINRO_PASSPHRASE\\fR), a new password\n"
	"(\\fBINRO_NEW_PASSWORD\\fR) and a pre\\-shared key (\\fBINRO_PSK\\fR) are asked for in the same way.\n"
	".SH ENVIRONMENT\n"
	".TP\n\\fBINRO_HOME\\fR\ntokens and the embedded database; /var/lib/inro for root,\n"
	"$XDG_DATA_HOME/inro (~/.local/share/inro) otherwise\n"
	".TP\n\\fBINRO_DB\\fR\nthe back office's database, sqlite:PATH or postgresql://USER@HOST/DATABASE;\n"
	"$INRO_HOME/backoffice.db when it is not set\n"
	".TP\n\\fBINRO_TENANT\\fR\nwhose records in it they are; default when it is not set\n"
	".TP\n\\fBINRO_AS\\fR, \\fBINRO_PASSWORD\\fR\nthe account of who is at work, and its "
	"password\n"
	".TP\n\\fBINRO_CONFIG\\fR\na file of settings; /etc/inro/inro.conf, if there is one, "
	"when it is not set.\n"
	"Its section [inro] may have home, database and module: they stand in for INRO_HOME,\n"
	"INRO_DB and INRO_MODULE where those are not set. Anything else in it is refused.\n"
	"Its section [token] is the module's: policy, rules for PINs, a program that asks for\n"
	"them; see inro\\-pkcs11(7). Its section [serve] has the options of \\fBinro serve\\fR.\n"
	".TP\n\\fBINRO_MODULE\\fR\nanother Cryptoki module in place of inro\\-pkcs11.so\n"
	".TP\n\\fBINRO_DEBUG\\fR\nwhen set: more lines on standard error\n"
	".SH EXIT STATUS\n"
	"0 when it is done, 1 when it is not, 2 when the command line makes no sense: a word, an option,\n"
	"a number, a time or a PKCS#11 URI that is none, or options that don't go together. Nothing was\n"
	"opened then, and no PIN asked for. Other values (a label, a name, an address) are judged by what\n"
	"they are for, with 1. 3 when it was\n"
	"proposed to others, who must approve it first. A refusal is\n"
	"one line on standard error: what, why, and what to do. Nothing was changed then.\n"
	".SH OUTPUT\n"
	"Tables and sentences for people; with \\fB\\-\\-json\\fR one JSON document on standard output:\n"
	"of a list an array, of one thing an object. Where \\fB\\-\\-limit\\fR has left some of a list out,\n"
	"the cursor for \\fB\\-\\-after\\fR is a line on standard error: {\"next\": \"...\"}.\n"
	"A refusal is then a line of JSON on standard error: {\"error\": {\"code\": \"INRO_E_NOT_FOUND\",\n"
	"\"message\": \"...\", \"status\": 1}}, also behind the document of what was done in part.\n"
	".SH SEE ALSO\n"
	"inro\\-pkcs11(7), inro\\-provider(7)\n";

void help_add_man(struct buf *out)
{
	buf_add_str(out, head);
	for (const struct cmd_opt *o = cmd_global_opts; o->name; o++)
		add_option_item(o, out);
	buf_add_str(out, ".SH COMMANDS\n");
	for (const struct cmd_noun *n = cmd_nouns; n->name; n++)
		for (const struct cmd_verb *v = n->verbs; v->name; v++)
			add_command(n, v, out);
	buf_add_str(out, tail);
}
