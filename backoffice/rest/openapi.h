/* openapi - what the files that make the OpenAPI document share; see openapi.c. */
#ifndef INRO_BACKOFFICE_REST_OPENAPI_H
#define INRO_BACKOFFICE_REST_OPENAPI_H

#include "backoffice/rest/engine.h"

/* New references; NULL when memory is short. */
json_t *openapi_ref(const char *kind, const char *name); /* to #/components/KIND/NAME */
json_t *openapi_content(const char *type, json_t *schema); /* takes the schema over */
bool openapi_has_body(const struct rest_row *row);

/* answers.c: everything that a row answers to requests that HTTP itself has nothing against. */
json_t *openapi_answers(const struct rest_row *row);
json_t *openapi_responses(void);	 /* components/responses */
json_t *openapi_headers(void);		 /* components/headers */
/* The headers that a request of this row may have, appended to its parameters. */
void openapi_add_headers(const struct rest_row *row, json_t *parameters);

#endif
