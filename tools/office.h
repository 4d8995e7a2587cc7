/*
 * office - what the nouns of the back office share: an open core, and lists.
 */
#ifndef INRO_TOOLS_OFFICE_H
#define INRO_TOOLS_OFFICE_H

#include "backoffice/core/cred.h"
#include "backoffice/show/doc.h"
#include "tools/cmd.h"

/* Options, module and PIN callback for this call; PINs are asked for when a key is used. */
struct core_options office_options(const struct call *c);
MUST_CHECK enum inro_err office_open(const struct call *c, struct core **ret);

/* INRO_E_STATE when a CA needs the key, or one of the token's (id empty).  With the flag `word` what
 * is lost is told instead: *ret, of the caller's (free()), "" when nothing is. */
struct ca_guard;
MUST_CHECK enum inro_err office_guard(const struct call *c, const struct ca_guard *g,
				       const char *word, char **ret);

/* Adds one page of a list to `list`; *ret_next is the cursor of the next page, 0 at the end. */
typedef enum inro_err office_page(struct core *core, const struct call *c, const struct page *page,
				  json_t *list, int64_t *ret_next);
/* All pages as one array. */
MUST_CHECK enum inro_err office_list(const struct call *c, office_page *add, json_t **ret);

/* One page of a search with the call's own conditions; *ret_next: where.h's cursor. */
struct where_page;
typedef enum inro_err office_found(struct core *core, const struct call *c,
				   const struct where_page *page, json_t *list, char **ret_next);
/* What OPT_SEARCH of nouns.h asks for: every page as one array, or with --limit so many in "items"
 * with the cursor "next" (SHOW_TABLE). */
MUST_CHECK enum inro_err office_search(const struct call *c, office_found *add, json_t **ret);

/* A file that must not take another's place: INRO_E_EXISTS when a file is there, else file_check_target()'s. */
MUST_CHECK enum inro_err office_new_file(const char *path);
/* The statement of a destruction: into the document, and to the file of --evidence. */
MUST_CHECK enum inro_err office_evidence(const struct call *c, struct bytes evidence, json_t *doc);

/* On standard error, where a pre-shared key is kept in a lesser way than the policy wants. */
struct psk_new;
void office_note_psk(const struct psk_new *p);

#endif
