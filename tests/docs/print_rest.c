/* print_rest - the rows of docs/http-api.md, or with --openapi the OpenAPI document. */
#include <stdio.h>
#include <string.h>

#include "backoffice/rest/rest.h"

int main(int argc, char **argv)
{
	SCOPED(buf) out = { 0 };

	(argc > 1 && !strcmp(argv[1], "--openapi") ? rest_openapi : rest_print)(&out);
	return buf_err(&out) != INRO_OK || fwrite(out.p, 1, out.n, stdout) != out.n;
}
