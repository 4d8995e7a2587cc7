/* ledger - whose turn it is at a TPM without a resource manager, and what is held there. */
#include "tpm/link/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "tpm/link/futex.h"

#define MAGIC	      0x696e726f4c310001 /* with the layout's number */
#define SLICE_MS      10
#define WANTED_MS     100 /* a wish that is not repeated within this time is a dead one's */
#define LOOK_AGAIN_MS 20
#define YIELD_MS      5

struct page {
	atomic_ullong magic;
	atomic_ullong holder;	 /* who was connected last */
	atomic_ullong slice_end; /* clock_monotonic_ms() */
	atomic_ullong wanted;	 /* when somebody waited last */
	atomic_uint word;
	struct held held;
};

struct ledger {
	struct page *page;
	uint64_t me;
	atomic_int fd; /* another thread may fork */
};

static uint64_t now_ms(void)
{
	return (uint64_t)clock_monotonic_ms();
}

static enum inro_err open_file(const char *path, int *ret_fd)
{
	*ret_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*ret_fd < 0)
		return file_err(errno, path);
	file_give(path);
	return INRO_OK;
}

/* Through a descriptor of its own: a map keeps its file open, and with that its lock, in every
 * child that is forked. */
static enum inro_err map(struct ledger *l, const char *path)
{
	AUTO(close_fd) int fd = -1;
	enum inro_err e = open_file(path, &fd);
	int err = e ? 0 : posix_fallocate(fd, 0, sizeof *l->page);
	void *p;

	if (e || err)
		return e ? e : file_err(err, path);
	p = mmap(NULL, sizeof *l->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return file_err(errno, path);
	l->page = p;
	return INRO_OK;
}

/* A file of another layout tells nothing; memory that was never written is zero. */
static void check_layout(struct page *p)
{
	if (atomic_load(&p->magic) == MAGIC)
		return;
	atomic_store(&p->held.n, 0);
	atomic_store(&p->held.pending, 0);
	atomic_store(&p->held.others_known, 0);
	atomic_store(&p->held.clock_known, 0);
	atomic_store(&p->magic, MAGIC);
}

enum inro_err ledger_open(const char *path, struct ledger **ret)
{
	struct ledger *l = calloc(1, sizeof *l);
	int fd = -1;
	enum inro_err e;

	if (!l)
		return INRO_E_NO_MEMORY;
	e = open_file(path, &fd);
	atomic_init(&l->fd, fd);
	e = e ? e : random_fill(&l->me, sizeof l->me);
	e = e ? e : map(l, path);
	if (e)
		ledger_close(l);
	else
		*ret = l;
	return e;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	if (l->page)
		munmap(l->page, sizeof *l->page);
	ledger_close_fd(l);
	free(l);
}

void ledger_close_fd(struct ledger *l)
{
	int fd = atomic_exchange(&l->fd, -1);

	close_fd(&fd);
}

bool ledger_is_ours(const struct ledger *l)
{
	return atomic_load(&l->page->holder) == l->me;
}

/* 0 when it is over.  One that ends later than any can was written before this boot. */
static uint64_t slice_left(const struct ledger *l)
{
	uint64_t end = atomic_load(&l->page->slice_end), now = now_ms();

	return end > now && end - now <= SLICE_MS ? end - now : 0;
}

static bool is_wanted(const struct ledger *l)
{
	return now_ms() - atomic_load(&l->page->wanted) < WANTED_MS;
}

bool ledger_try(struct ledger *l)
{
	if (!ledger_is_ours(l) && slice_left(l))
		return false;
	if (flock(l->fd, LOCK_EX | LOCK_NB) < 0)
		return false;
	check_layout(l->page);
	return true;
}

static long nap(const struct ledger *l)
{
	uint64_t left = slice_left(l);

	return left ? (long)left : LOOK_AGAIN_MS;
}

enum inro_err ledger_wait(struct ledger *l, int64_t deadline)
{
	while (clock_monotonic_ms() < deadline) {
		unsigned seen = atomic_load(&l->page->word);

		atomic_store(&l->page->wanted, now_ms());
		if (ledger_try(l))
			return INRO_OK;
		futex_sleep(&l->page->word, seen, nap(l));
	}
	return err_set(INRO_E_BUSY, "another process has had the TPM for a minute: try again");
}

void ledger_leave(struct ledger *l)
{
	(void)flock(l->fd, LOCK_UN);
	if (is_wanted(l))
		futex_wake(&l->page->word);
}

void ledger_yield(struct ledger *l)
{
	unsigned seen = atomic_load(&l->page->word);

	if (ledger_is_ours(l) && is_wanted(l))
		futex_sleep(&l->page->word, seen, YIELD_MS);
}

void ledger_ask(struct ledger *l)
{
	atomic_store(&l->page->wanted, now_ms());
	futex_wake(&l->page->word);
}

void ledger_taken(struct ledger *l)
{
	atomic_store(&l->page->holder, l->me);
	atomic_store(&l->page->slice_end, now_ms() + SLICE_MS);
	atomic_store(&l->page->wanted, 0);
}

void ledger_given(struct ledger *l)
{
	atomic_store(&l->page->slice_end, 0);
}

bool ledger_gives_way(const struct ledger *l)
{
	return is_wanted(l) && (!ledger_is_ours(l) || !slice_left(l));
}

struct held *ledger_held(struct ledger *l)
{
	return &l->page->held;
}

atomic_uint *ledger_word(struct ledger *l)
{
	return &l->page->word;
}
