/* interrupt - see interrupt.h. */
#include "tools/interrupt.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
static struct sigaction before[ARRAY_LEN(signals)];
static volatile sig_atomic_t came;
static char words[256];
static const char stopping[] = "\r\033[Kstopping behind what is under way; once more: at once\n";

static void say(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n; /* there is nobody to tell */
}

static void note(int sig)
{
	if (came) {
		say(words);
		signal(sig, SIG_DFL);
		raise(sig);
	}
	came = sig;
	if (isatty(STDERR_FILENO))
		say(stopping);
}

void interrupt_begin(const char *last_words)
{
	const struct sigaction on = { .sa_handler = note, .sa_flags = SA_RESTART };

	snprintf(words, sizeof words, "%s", last_words);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		sigaction(signals[i], NULL, &before[i]);
		if (before[i].sa_handler == SIG_DFL)
			sigaction(signals[i], &on, NULL);
	}
}

bool interrupt_came(void)
{
	return came != 0;
}

void interrupt_end(void)
{
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &before[i], NULL);
}

void interrupt_obey(void)
{
	int sig = came;

	if (!sig)
		return;
	signal(sig, SIG_DFL);
	raise(sig);
}
