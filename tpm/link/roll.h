/*
 * roll - all links of this process, for the two moments in which they must be found: a fork, in
 * whose child their descriptors are closed, and the end of the program or module, before which
 * threads end and the TPM is left as it was found.
 */
#ifndef INRO_TPM_LINK_ROLL_H
#define INRO_TPM_LINK_ROLL_H

/* Part of what is listed. */
struct roll_entry {
	struct roll_entry *next;
	void *of;
	/* In the child, which may be one of a process with threads: no lock, no memory. */
	void (*after_fork)(void *of);
	/* At the end of the program or module, in whatever process; NULL: nothing is left. */
	void (*part)(void *of);
};

/* From any thread; `x` stays the caller's, who removes it before it is freed. */
void roll_add(struct roll_entry *x);
void roll_remove(struct roll_entry *x);

#endif
