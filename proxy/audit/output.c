#include "proxy/audit/output.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/say.h"
#include "base/wallclock.h"
#include "proxy/audit/syslog.h"

enum {
	FD_MIN = 3, /* the three before it are COMMAND's */
	FD_MAX = 65535,
	CLOSE_PAUSE_MS = 20,
};

#define FD_PREFIX     SLICE_LITERAL("fd:")
#define SYSLOG_PREFIX SLICE_LITERAL("syslog:")

bool output_is_one(const char *spec)
{
	struct slice s = slice_from_text(spec);

	return strcmp(spec, "-") == 0 || strcmp(spec, "syslog") == 0 ||
	       slice_starts_with(s, FD_PREFIX) || slice_starts_with(s, SYSLOG_PREFIX);
}

/* The descriptor that SPEC names, if it can be written to. */
static int check_descriptor(const char *spec, struct error *err)
{
	struct slice number = slice_from(slice_from_text(spec), FD_PREFIX.len);
	uint64_t fd;
	int flags;

	if (slice_to_u64(number, FD_MAX, &fd) < 0 || fd < FD_MIN)
		return error_set(err, -EINVAL,
				 "--audit %s: a descriptor from %d on, such as --audit fd:3 "
				 "3>>FILE; those before it are COMMAND's",
				 spec, FD_MIN);
	flags = fcntl((int)fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return error_set(err, -EBADF, "--audit %s: it is not open for writing", spec);
	fcntl((int)fd, F_SETFD, FD_CLOEXEC);
	return (int)fd;
}

int output_check(const char *spec, struct error *err)
{
	int fd = 0;

	if (slice_starts_with(slice_from_text(spec), FD_PREFIX))
		fd = check_descriptor(spec, err);
	return fd < 0 ? fd : 0;
}

/* Gives FD an open file of its own, if it is a pipe: one that COMMAND writes to as well may be
 * filled between our look and our write, and to make a shared one non-blocking would be felt by
 * others. */
static void make_own(int fd)
{
	char path[32];
	struct stat status;
	cleanup_close int own = -1;

	if (fstat(fd, &status) < 0 || !S_ISFIFO(status.st_mode))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	/* Another user's pipe may not be opened; it does as it is. */
	if (own >= 0)
		dup3(own, fd, O_CLOEXEC);
}

static int open_descriptor(struct output *output, struct error *err)
{
	output->fd = check_descriptor(output->spec, err);
	if (output->fd < 0)
		return output->fd;
	make_own(output->fd);
	return 0;
}

static int open_syslog(struct output *output, struct error *err)
{
	struct slice spec = slice_from_text(output->spec), facility = SLICE_LITERAL("authpriv");

	if (slice_starts_with(spec, SYSLOG_PREFIX))
		facility = slice_from(spec, SYSLOG_PREFIX.len);
	output->facility = syslog_facility(facility);
	if (output->facility < 0)
		return error_set(err, -EINVAL,
				 "--audit %s: no facility is called so; user, daemon, auth, "
				 "authpriv and local0 to local7 are some",
				 output->spec);
	output->path = SYSLOG_PATH;
	output->fd = syslog_connect(output->path);
	if (output->fd < 0)
		return error_set_code(err, output->fd, "--audit %s: no daemon listens at %s",
				      output->spec, output->path);
	return 0;
}

int outputs_add(struct outputs *outputs, const char *spec, struct error *err)
{
	struct output *output = &outputs->list[outputs->count];
	int rc;

	if (outputs->count == OUTPUTS_MAX)
		return error_set(err, ERROR_LIMIT, "--audit %s: more than %d outputs", spec,
				 OUTPUTS_MAX);
	if (strcmp(spec, "-") == 0)
		return error_set(err, -EINVAL,
				 "--audit -: standard output is COMMAND's; give the log a "
				 "descriptor of its own: --audit fd:3 3>&1");
	*output = (struct output){.spec = spec, .fd = -1};
	buffer_init(&output->kept, OUTPUT_KEPT_BYTES);
	rc = slice_starts_with(slice_from_text(spec), FD_PREFIX) ? open_descriptor(output, err)
								 : open_syslog(output, err);
	if (rc == 0)
		outputs->count++;
	return rc;
}

/* A descriptor may be shared with others, so it is not made non-blocking; a terminal that is ready
 * takes as much as is written to a pipe atomically. How much was, or a negated errno. */
static ssize_t write_some(const struct output *output, struct slice bytes)
{
	struct pollfd ready = {output->fd, POLLOUT, 0};
	ssize_t written;

	if (poll(&ready, 1, 0) == 0)
		return -EAGAIN;
	/* Nobody reads the pipe: told before the signal, which may not be ignored yet. */
	if (ready.revents & (POLLERR | POLLNVAL))
		return -EPIPE;
	do {
		bytes = slice_first(bytes, PIPE_BUF);
		written = send(output->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (written < 0 && errno == ENOTSOCK)
			written = write(output->fd, bytes.ptr, bytes.len);
	} while (written < 0 && errno == EINTR);
	return written < 0 ? -errno : written;
}

/* The daemon may have been started anew. */
static int connect_again(struct output *output)
{
	int fd = syslog_connect(output->path);

	if (fd < 0)
		return fd;
	if (output->fd >= 0)
		close(output->fd);
	output->fd = fd;
	return 0;
}

static int send_message(struct output *output, struct slice line)
{
	char message[SYSLOG_MESSAGE_MAX];
	size_t len = syslog_format(output->facility, line, message);
	int rc = 0;

	for (int tries = 0; tries < 2 && rc == 0; tries++) {
		if (send(output->fd, message, len, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == EAGAIN || errno == ENOBUFS)
			return -EAGAIN;
		rc = connect_again(output);
	}
	return rc < 0 ? rc : -ECONNREFUSED;
}

/* How much of BYTES, which begin with a line or what is left of one, was taken. */
static ssize_t deliver_some(struct output *output, struct slice bytes)
{
	size_t len = slice_find_char(bytes, '\n');
	int rc;

	if (!output->path)
		return write_some(output, bytes);
	rc = send_message(output, slice_first(bytes, len));
	return rc < 0 ? rc : (ssize_t)len + 1;
}

static void deliver(struct output *output)
{
	output->error = 0;
	while (buffer_length(&output->kept)) {
		ssize_t taken = deliver_some(output, buffer_slice(&output->kept));

		if (taken < 0) {
			output->error = (int)taken;
			break;
		}
		buffer_consume(&output->kept, (size_t)taken);
	}
}

static size_t count_lines(struct slice lines)
{
	size_t count = 0;

	for (size_t i = 0; i < lines.len; i++)
		count += lines.ptr[i] == '\n';
	return count;
}

static void say_dropping(const struct output *output)
{
	say("--audit %s takes no more: %s; records are left out there", output->spec,
	    error_name(output->error));
}

static void take(struct output *output, struct slice lines)
{
	int rc = buffer_append(&output->kept, lines);

	if (rc < 0) {
		deliver(output);
		rc = buffer_append(&output->kept, lines);
	}
	if (rc < 0) {
		if (output->dropped == 0)
			say_dropping(output);
		output->dropped += count_lines(lines);
	}
	deliver(output);
}

void outputs_take(struct outputs *outputs, struct slice lines)
{
	/* That which ends a line that was cut off. */
	if (lines.len && lines.ptr[0] == '\n')
		lines = slice_from(lines, 1);
	for (size_t i = 0; i < outputs->count; i++)
		take(&outputs->list[i], lines);
}

void outputs_deliver(struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++)
		deliver(&outputs->list[i]);
}

bool outputs_can_take(const struct outputs *outputs, size_t bytes)
{
	for (size_t i = 0; i < outputs->count && !outputs->drops; i++) {
		if (buffer_length(&outputs->list[i].kept) + bytes > OUTPUT_KEPT_BYTES)
			return false;
	}
	return true;
}

bool outputs_have_room(const struct outputs *outputs)
{
	return outputs_can_take(outputs, OUTPUT_KEPT_BYTES / 2);
}

bool outputs_explain(const struct outputs *outputs, struct error *err)
{
	for (size_t i = 0; i < outputs->count && !outputs_have_room(outputs); i++) {
		const struct output *output = &outputs->list[i];

		if (buffer_length(&output->kept) <= OUTPUT_KEPT_BYTES / 2)
			continue;
		error_set(err, ERROR_LIMIT, "the audit log cannot be sent on by --audit %s: %s",
			  output->spec, error_name(output->error));
		return true;
	}
	return false;
}

static bool is_all_delivered(const struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		if (buffer_length(&outputs->list[i].kept))
			return false;
	}
	return true;
}

void outputs_close(struct outputs *outputs, int timeout_ms)
{
	int64_t deadline_us = monotonic_now_us() + timeout_ms * 1000LL;

	outputs_deliver(outputs);
	while (!is_all_delivered(outputs) && monotonic_now_us() < deadline_us) {
		poll(NULL, 0, CLOSE_PAUSE_MS);
		outputs_deliver(outputs);
	}
	for (size_t i = 0; i < outputs->count; i++) {
		struct output *output = &outputs->list[i];
		uint64_t lost = output->dropped + count_lines(buffer_slice(&output->kept));

		if (lost)
			say("--audit %s: %" PRIu64 " records were not sent; they are in the file",
			    output->spec, lost);
		buffer_free(&output->kept);
		close(output->fd);
	}
	outputs->count = 0;
}
