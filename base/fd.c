#include "base/fd.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { FIRST_READ_BYTES = 4096 };

int fd_write_all(int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t written = write(fd, bytes.ptr, bytes.len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes = slice_from(bytes, (size_t)written);
	}
	return 0;
}

int fd_read_all(int fd, size_t max, char **bytes, size_t *len)
{
	size_t capacity = FIRST_READ_BYTES, used = 0;
	cleanup_free char *memory = malloc(capacity + 1);

	for (;;) {
		ssize_t got;
		char *larger;

		if (!memory)
			return -ENOMEM;
		got = read(fd, memory + used, capacity - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
		if (used > max)
			return ERROR_LIMIT;
		if (used < capacity)
			continue;
		capacity *= 2;
		larger = realloc(memory, capacity + 1);
		if (!larger)
			return -ENOMEM;
		memory = larger;
	}
	memory[used] = '\0';
	*len = used;
	*bytes = take_ptr(memory);
	return 0;
}

static int check_regular(int fd, const char *path, struct error *err)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return error_set_code(err, -errno, "cannot read %s", path);
	if (S_ISDIR(status.st_mode))
		return error_set(err, -EISDIR, "cannot read %s: it is a directory", path);
	if (!S_ISREG(status.st_mode))
		return error_set(err, -EINVAL, "cannot read %s: it is not a regular file", path);
	return 0;
}

int fd_read_file(const char *path, size_t max, char **bytes, size_t *len, struct error *err)
{
	/* Without O_NONBLOCK, opening a FIFO would wait for a writer. */
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return error_set_code(err, -errno, "cannot open %s", path);
	rc = check_regular(fd, path, err);
	if (rc < 0)
		return rc;
	rc = fd_read_all(fd, max, bytes, len);
	if (rc == ERROR_LIMIT)
		return error_set(err, rc, "cannot read %s: it is larger than %zu bytes", path, max);
	if (rc < 0)
		return error_set_code(err, rc, "cannot read %s", path);
	return 0;
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
};

int fd_send(int socket, struct slice message, const int *fds, size_t count)
{
	struct iovec part = {(void *)(uintptr_t)message.ptr, message.len};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	union control control = {0};
	ssize_t sent;

	assert(count <= FD_PASS_MAX && message.len > 0);
	if (count) {
		struct cmsghdr *c;

		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	do {
		sent = sendmsg(socket, &header, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return (size_t)sent == message.len ? 0 : -EMSGSIZE;
}

static void collect_fds(struct msghdr *header, int fds[FD_PASS_MAX], size_t *count)
{
	*count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		size_t got;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		got = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		assert(*count + got <= FD_PASS_MAX);
		memcpy(fds + *count, CMSG_DATA(c), got * sizeof(int));
		*count += got;
	}
}

ssize_t fd_receive(int socket, void *message, size_t size, int fds[FD_PASS_MAX], size_t *count)
{
	struct iovec part = {message, size};
	union control control;
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t got;

	do {
		got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	collect_fds(&header, fds, count);
	if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (size_t i = 0; i < *count; i++)
			close(fds[i]);
		*count = 0;
		return ERROR_TRUNCATED;
	}
	return got;
}

int fd_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static int close_span(int first, int last)
{
	if (first > last)
		return 0;
	return close_range((unsigned int)first, (unsigned int)last, 0) < 0 ? -errno : 0;
}

int fd_close_except(int lowest, const int *keep, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int rc;

		if (keep[i] < lowest)
			continue;
		rc = close_span(lowest, keep[i] - 1);
		if (rc < 0)
			return rc;
		lowest = keep[i] + 1;
	}
	return close_range((unsigned int)lowest, ~0u, 0) < 0 ? -errno : 0;
}
