#include "proxy/steer/surroundings.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "proxy/steer/mount_table.h"
#include "proxy/steer/unix_sockets.h"

enum { CORE_PATTERN_BYTES = 4096 };

static const char *const stream_names[] = {"standard input", "standard output", "standard error"};

/* A socket can be connected to somewhere else by whoever holds it, and reaches what its own network
 * namespace reaches: the host's. A connected unix stream cannot, but a unix datagram socket can. */
static bool is_harmless_socket(int fd)
{
	struct sockaddr_storage peer;
	int domain, type;
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (void *)&peer, &len) < 0)
		return false;
	len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return false;
	len = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return false;
	return domain == AF_UNIX && (type == SOCK_STREAM || type == SOCK_SEQPACKET);
}

int surroundings_check_stream(int fd, const char *name, struct error *err)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return error_set_code(err, -errno, "cannot examine %s", name);
	switch (status.st_mode & S_IFMT) {
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		return 0;
	case S_IFSOCK:
		if (is_harmless_socket(fd))
			return 0;
		return error_set(err, -EPERM,
				 "%s is a network socket, which COMMAND could connect to anywhere "
				 "past the firewall; put a pipe between (cat | sallyport run ... | "
				 "cat)",
				 name);
	case S_IFDIR:
		return error_set(err, -EPERM,
				 "%s is a directory, through which COMMAND could reach files that "
				 "are hidden from it",
				 name);
	default:
		return error_set(err, -EPERM, "%s is neither a file, nor a terminal, nor a pipe",
				 name);
	}
}

static int open_null_as(int fd, const char *name, struct error *err)
{
	int null = open("/dev/null", O_RDWR); /* the lowest free number, which is FD */

	if (null < 0)
		return error_set_code(err, -errno, "%s is closed and /dev/null does not open",
				      name);
	if (null != fd) {
		close(null);
		return error_set(err, -EBADF, "%s is closed", name);
	}
	return 0;
}

int steer_check_streams(struct error *err)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		int rc;

		if (fcntl(fd, F_GETFD) < 0)
			rc = open_null_as(fd, stream_names[fd], err);
		else
			rc = surroundings_check_stream(fd, stream_names[fd], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void find_terminal(struct surroundings *surroundings)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (isatty(fd) && ttyname_r(fd, surroundings->terminal, TERMINAL_NAME_BYTES) == 0)
			return;
	}
	surroundings->terminal[0] = '\0';
}

static int find_workdir(const struct steer_plan *plan, struct surroundings *surroundings,
			struct error *err)
{
	surroundings->workdir = realpath(plan->workdir ? plan->workdir : ".", NULL);
	if (surroundings->workdir)
		return 0;
	if (plan->workdir)
		return error_set_code(err, -errno, "cannot enter the working directory %s",
				      plan->workdir);
	return error_set_code(err, -errno,
			      "cannot tell the current directory, which COMMAND is to "
			      "start in");
}

static const char *find_variable(const char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; *envp; envp++) {
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return *envp + len + 1;
	}
	return NULL;
}

/* One that does not exist has nothing in it to hide. */
static int find_runtime_dir(const struct steer_plan *plan, struct surroundings *surroundings)
{
	const char *path = getenv("XDG_RUNTIME_DIR");

	if (!path || path[0] != '/')
		path = find_variable(plan->envp, "XDG_RUNTIME_DIR");
	if (!path || path[0] != '/')
		return 0;
	surroundings->runtime_dir = realpath(path, NULL);
	return surroundings->runtime_dir || errno != ENOMEM ? 0 : -ENOMEM;
}

/* Unknown counts as piped. */
static bool core_dumps_are_piped(void)
{
	cleanup_free char *pattern = NULL;
	size_t len;

	if (fd_read_file("/proc/sys/kernel/core_pattern", CORE_PATTERN_BYTES, &pattern, &len,
			 NULL) < 0)
		return true;
	return pattern[0] == '|' || pattern[0] == '@';
}

int surroundings_gather(const struct steer_plan *plan, struct surroundings *surroundings,
			struct error *err)
{
	int rc;

	*surroundings = (struct surroundings){
		.caller = {geteuid(), getegid()},
		.core_dumps_are_piped = core_dumps_are_piped(),
	};
	find_terminal(surroundings);
	rc = find_workdir(plan, surroundings, err);
	if (rc == 0 && find_runtime_dir(plan, surroundings) < 0)
		rc = error_set_code(err, -ENOMEM, "cannot launch");
	if (rc == 0)
		rc = unix_sockets_read(&surroundings->unix_sockets, err);
	if (rc == 0)
		rc = mount_table_read(&surroundings->automounts, err);
	if (rc < 0)
		surroundings_free(surroundings);
	return rc;
}

void surroundings_free(struct surroundings *surroundings)
{
	free(surroundings->workdir);
	free(surroundings->runtime_dir);
	path_list_free(&surroundings->unix_sockets);
	path_list_free(&surroundings->automounts);
	*surroundings = (struct surroundings){0};
}
