/* embedded - what a test may set of the link "libtpms:". */
#ifndef INRO_TPM_LINK_EMBEDDED_H
#define INRO_TPM_LINK_EMBEDDED_H

/* How long a turn is waited for: a minute. */
extern int embedded_wait_ms;

#endif
