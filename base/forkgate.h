/*
 * forkgate - moments in which no thread of this process may fork.
 *
 * A library's lock that another thread holds at the moment of a fork stays held for ever in the
 * child.  A call into a library with locks of its own (SQLite's memory, libcrypto's key types) is
 * put between enter and leave; fork() then waits until nobody is inside, and nobody enters while it
 * is under way.
 *
 * 1. Enter and leave nest, within a thread.
 * 2. Whoever is inside calls no foreign code and never waits for a lock of ours: a fork may be
 *    waiting, and it keeps everybody else outside.
 * 3. Nobody waits for ever, whatever locks an application takes in its own fork handlers and
 *    around its calls to us: a visitor gives a fork that has the gate 200 ms and then goes in, a
 *    fork gives the visitors 2 s and then goes ahead.  A child may then find a library's lock held;
 *    without it the parent would stand still.
 * 4. It costs some tens of nanoseconds, and reaches this program or module only.
 */
#ifndef INRO_BASE_FORKGATE_H
#define INRO_BASE_FORKGATE_H

struct __attribute__((unused)) fork_pass { /* nobody looks at one */
	int nothing;
};

void fork_gate_enter(void);
void fork_gate_leave(void);

/* Out of the gate from however deep, for a wait in which no library's lock is held; then back to
 * that depth. */
unsigned fork_gate_step_out(void);
void fork_gate_step_in(unsigned depth);

/* SCOPED(fork_pass) pass = fork_pass_take(); holds it to the end of the block. */
struct fork_pass fork_pass_take(void);
void fork_pass_clear(struct fork_pass *pass);

#endif
