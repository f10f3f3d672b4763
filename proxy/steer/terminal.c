#include "proxy/steer/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/cleanup.h"

static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

bool terminal_is_ours(void)
{
	cleanup_close int fd = open_terminal();

	return fd >= 0 && tcgetpgrp(fd) == getpgrp();
}

void terminal_take_back(void)
{
	cleanup_close int fd = open_terminal();
	pid_t group = fd < 0 ? -1 : tcgetpgrp(fd);
	sigset_t output, before;

	if (group <= 1 || group == getpgrp() || kill(-group, 0) == 0 || errno != ESRCH)
		return;
	/* The kernel stops a background process for this, unless it blocks the signal. */
	sigemptyset(&output);
	sigaddset(&output, SIGTTOU);
	sigprocmask(SIG_BLOCK, &output, &before);
	tcsetpgrp(fd, getpgrp());
	sigprocmask(SIG_SETMASK, &before, NULL);
}
