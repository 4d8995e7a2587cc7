/*
 * gate - the way into Cryptoki modules, which is shut when the process ends.
 *
 * 1. Whoever calls a module is inside: between gate_enter() and gate_leave().
 * 2. The gate is shut before the destructors of any module run, and before libcrypto's own end.
 *    Those inside are given a moment to come out; then every instance closes its sessions and lets
 *    go of its module, so that a TPM or a card is left as it was found.  If one stays inside, as
 *    where exit() is called under a prompt, nothing is closed: the process ends all the same.
 * 3. No module is called once the gate is shut: its destructors may have run.
 * 4. In a child made by fork() nobody is inside.
 */
#ifndef INRO_PROVIDER_GATE_H
#define INRO_PROVIDER_GATE_H

#include <stdbool.h>

#include "base/err.h"

struct prov;

/* INRO_E_STATE when the process is ending.  Not a lock: any number of threads is inside. */
MUST_CHECK enum inro_err gate_enter(void);
void gate_leave(void);
/* False in a thread that is inside already, where a module calls libcrypto, and once the gate is
 * shut: what is asked for then is not for a token. */
bool gate_is_open(void);

/* At the end of the process prov_let_go() is called for p.  To be called once p's module is
 * loaded, so that its destructors come later. */
void gate_watch(struct prov *p);
/* False when p is being let go by another thread, which goes on using it. */
bool gate_unwatch(struct prov *p);

#endif
