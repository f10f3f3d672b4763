#include "proxy/audit/syslog.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { WARNING = 4, NOTICE = 5, INFORMATIONAL = 6, SEVERITIES = 8 };

enum { TIME_BYTES = sizeof("2026-11-20T14:03:22.104518Z") - 1, HOST_BYTES = 256 };

static const uint64_t SEQUENCE_ID_MAX = 2147483647;

int syslog_facility(struct slice name)
{
	static const char *const names[] = {
		"kern",	  "user",   "mail",	"daemon", "auth",   "syslog", "lpr",	"news",
		"uucp",	  "cron",   "authpriv", "ftp",	  "ntp",    "audit",  "alert",	"clock",
		"local0", "local1", "local2",	"local3", "local4", "local5", "local6", "local7",
	};

	for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
		if (slice_equal(name, slice_from_text(names[i])))
			return i;
	}
	return -1;
}

int syslog_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	size_t len = strlen(path);

	if (fd < 0)
		return -errno;
	if (len >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, len + 1);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

/* Whether LINE has MEMBER, as JSON. It cannot be within a text, whose quotes are escaped. */
static bool has(struct slice line, struct slice member)
{
	return slice_find(line, member) < line.len;
}

static int severity_of(struct slice line)
{
	if (has(line, SLICE_LITERAL(",\"misuse\":[")) ||
	    has(line, SLICE_LITERAL("{\"event\":\"killed\"")) ||
	    has(line, SLICE_LITERAL("{\"event\":\"worker-lost\"")) ||
	    has(line, SLICE_LITERAL("{\"event\":\"bad-record\"")))
		return WARNING;
	if (has(line, SLICE_LITERAL(",\"verdict\":\"deny\"")) ||
	    has(line, SLICE_LITERAL(",\"would_deny\":true")))
		return NOTICE;
	return INFORMATIONAL;
}

/* The record's time, or "-" for none. */
static struct slice time_of(struct slice line)
{
	struct slice before = SLICE_LITERAL(",\"time\":\"");
	struct slice time = slice_from(line, slice_find(line, before) + before.len);

	return time.len > TIME_BYTES && time.ptr[TIME_BYTES] == '"' ? slice_first(time, TIME_BYTES)
								    : SLICE_LITERAL("-");
}

/* PRINTUSASCII, or "-". */
static void name_host(char name[HOST_BYTES])
{
	if (gethostname(name, HOST_BYTES) < 0 || !name[0])
		snprintf(name, HOST_BYTES, "-");
	name[HOST_BYTES - 1] = '\0';
	for (char *c = name; *c; c++) {
		if (*c <= ' ' || *c >= 0x7f)
			*c = '?';
	}
}

size_t syslog_format(int facility, struct slice line, char out[SYSLOG_MESSAGE_MAX])
{
	int priority = facility * SEVERITIES + severity_of(line);
	char host[HOST_BYTES];
	uint64_t seq;
	int used;

	name_host(host);
	if (!line_read_seq(line, &seq))
		seq = 0;
	used = snprintf(out, SYSLOG_HEAD_MAX, "<%d>1 %.*s %s sallyport %d audit ", priority,
			SLICE_ARGS(time_of(line)), host, (int)getpid());
	if (seq)
		used += snprintf(out + used, (size_t)(SYSLOG_HEAD_MAX - used),
				 "[meta sequenceId=\"%" PRIu64 "\"] ",
				 (seq - 1) % SEQUENCE_ID_MAX + 1);
	else
		used += snprintf(out + used, (size_t)(SYSLOG_HEAD_MAX - used), "- ");
	line = slice_first(line, SYSLOG_MESSAGE_MAX - (size_t)used);
	memcpy(out + used, line.ptr, line.len);
	return (size_t)used + line.len;
}
