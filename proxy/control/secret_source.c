#include "proxy/control/secret_source.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wallclock.h"

static ssize_t read_env(const struct policy_secret *secret, char *out, size_t size,
			struct error *err)
{
	const char *value = getenv(secret->from.name);
	size_t len;

	if (!value)
		return error_set(
			err, ERROR_CONFIG,
			"secret %s: the environment variable %s is not set; export it before "
			"you start, or change `from:` in the policy",
			secret->name, secret->from.name);
	len = strlen(value);
	if (len == 0)
		return error_set(err, ERROR_CONFIG,
				 "secret %s: the environment variable %s is empty", secret->name,
				 secret->from.name);
	if (len > size)
		return error_set(err, ERROR_LIMIT, "secret %s: the value of %s is too long",
				 secret->name, secret->from.name);
	memcpy(out, value, len);
	return (ssize_t)len;
}

/* Most editors and commands end their text with a line end that is not part of the secret. */
static size_t without_line_end(const char *text, size_t len)
{
	if (len && text[len - 1] == '\n')
		len--;
	if (len && text[len - 1] == '\r')
		len--;
	return len;
}

/* Reads FD to its end. The length, -ETIMEDOUT after DEADLINE_US, ERROR_LIMIT, or a negated errno.
 */
static ssize_t read_to_end(int fd, char *out, size_t size, int64_t deadline_us)
{
	size_t used = 0;

	for (;;) {
		struct pollfd waiting = {fd, POLLIN, 0};
		int64_t left_us = deadline_us - monotonic_now_us();
		ssize_t got;
		int ready;

		if (left_us <= 0)
			return -ETIMEDOUT;
		ready = poll(&waiting, 1, (int)(left_us / 1000 + 1));
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready <= 0)
			continue;
		got = read(fd, out + used, size - used);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return (ssize_t)used;
		if (got > 0)
			used += (size_t)got;
		if (used == size)
			return ERROR_LIMIT;
	}
}

static ssize_t read_file(const struct policy_secret *secret, char *out, size_t size,
			 struct error *err)
{
	const char *path = secret->from.name;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	ssize_t len;

	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set(err, -errno, "secret %s: cannot open %s: %s", secret->name, path,
				 strerror(errno));
	if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode))
		return error_set(err, ERROR_CONFIG, "secret %s: %s is %s", secret->name, path,
				 S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
	/* The sandbox is kept from this name only. */
	if (status.st_nlink > 1)
		return error_set(err, ERROR_CONFIG,
				 "secret %s: %s has %lu names (hard links), and the others could "
				 "be read inside; remove them, or copy the file",
				 secret->name, path, (unsigned long)status.st_nlink);
	len = read_to_end(fd, out, size, monotonic_now_us() + SECRET_SOURCE_TIMEOUT_MS * 1000LL);
	if (len == ERROR_LIMIT)
		return error_set(err, ERROR_LIMIT, "secret %s: %s is too long for a secret",
				 secret->name, path);
	if (len < 0)
		return error_set_code(err, (int)len, "secret %s: cannot read %s", secret->name,
				      path);
	len = (ssize_t)without_line_end(out, (size_t)len);
	if (len == 0)
		return error_set(err, ERROR_CONFIG, "secret %s: %s is empty", secret->name, path);
	return len;
}

/* The command runs in a process group of its own, so that all of it can be ended. */
static pid_t start_command(const char *const *argv, int output)
{
	pid_t child = fork();
	int nothing;

	if (child != 0)
		return child;
	setpgid(0, 0);
	nothing = open("/dev/null", O_RDONLY);
	if (nothing >= 0)
		dup2(nothing, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(errno == ENOENT ? 127 : 126);
}

/* A command may close its output and go on. */
static bool ends_in_time(pid_t child, int64_t deadline_us)
{
	cleanup_close int fd = (int)syscall(SYS_pidfd_open, child, 0);
	struct pollfd waiting = {fd, POLLIN, 0};
	int ready = 0;

	while (fd >= 0 && ready <= 0) {
		int64_t left_us = deadline_us - monotonic_now_us();

		if (left_us <= 0)
			return false;
		ready = poll(&waiting, 1, (int)(left_us / 1000 + 1));
	}
	return true;
}

static int wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return status;
}

static int explain_status(const struct policy_secret *secret, int status, struct error *err)
{
	const char *command = secret->from.argv[0];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return error_set(err, ERROR_NOT_FOUND, "secret %s: the command %s was not found",
				 secret->name, command);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 126)
		return error_set(err, ERROR_CONFIG, "secret %s: the command %s cannot be run",
				 secret->name, command);
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return error_set(
			err, ERROR_CONFIG,
			"secret %s: the command %s failed with status %d; what it said is above",
			secret->name, command, WEXITSTATUS(status));
	if (WIFSIGNALED(status))
		return error_set(err, ERROR_CONFIG,
				 "secret %s: the command %s was ended by signal %d", secret->name,
				 command, WTERMSIG(status));
	return 0;
}

static ssize_t read_exec(const struct policy_secret *secret, char *out, size_t size,
			 struct error *err)
{
	int64_t deadline_us = monotonic_now_us() + SECRET_SOURCE_TIMEOUT_MS * 1000LL;
	cleanup_close int input = -1, output = -1;
	int ends[2], status, rc;
	pid_t child;
	ssize_t len;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set_code(err, -errno, "secret %s: cannot make a pipe", secret->name);
	input = ends[0];
	output = ends[1];
	child = start_command(secret->from.argv, output);
	if (child < 0)
		return error_set_code(err, -errno, "secret %s: cannot start %s", secret->name,
				      secret->from.argv[0]);
	setpgid(child, child);
	close(take_fd(&output));
	len = read_to_end(input, out, size, deadline_us);
	if (len >= 0 && !ends_in_time(child, deadline_us))
		len = -ETIMEDOUT;
	if (len < 0)
		kill(-child, SIGKILL);
	status = wait_for(child);
	if (len == -ETIMEDOUT)
		return error_set(
			err, ERROR_TIMEOUT,
			"secret %s: the command %s did not finish within %d seconds and was "
			"ended",
			secret->name, secret->from.argv[0], SECRET_SOURCE_TIMEOUT_MS / 1000);
	if (len == ERROR_LIMIT)
		return error_set(err, ERROR_LIMIT,
				 "secret %s: the command %s printed more than a secret can hold",
				 secret->name, secret->from.argv[0]);
	if (len < 0)
		return error_set_code(err, (int)len, "secret %s: cannot read from %s", secret->name,
				      secret->from.argv[0]);
	rc = explain_status(secret, status, err);
	if (rc < 0)
		return rc;
	len = (ssize_t)without_line_end(out, (size_t)len);
	if (len == 0)
		return error_set(err, ERROR_CONFIG, "secret %s: the command %s printed nothing",
				 secret->name, secret->from.argv[0]);
	return len;
}

ssize_t secret_source_read(const struct policy_secret *secret, char *out, size_t size,
			   struct error *err)
{
	switch (secret->from.kind) {
	case POLICY_FROM_ENV:
		return read_env(secret, out, size, err);
	case POLICY_FROM_FILE:
		return read_file(secret, out, size, err);
	case POLICY_FROM_EXEC:
		return read_exec(secret, out, size, err);
	}
	return error_set(err, ERROR_UNSUPPORTED, "secret %s: an unknown source", secret->name);
}

void secret_source_forget(const struct policy_secret *secret)
{
	char *value;

	if (secret->from.kind != POLICY_FROM_ENV)
		return;
	value = getenv(secret->from.name);
	if (value)
		explicit_bzero(value, strlen(value));
	unsetenv(secret->from.name);
}
