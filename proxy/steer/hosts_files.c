#include "proxy/steer/hosts_files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "proxy/steer/steer.h"

enum { LINKS_MAX = 40 };

static int append(struct buffer *out, const char *text)
{
	return buffer_append(out, slice_from_text(text));
}

int hosts_files_resolv_conf(struct buffer *out)
{
	return append(out, "nameserver " STEER_OWN_IPV4 "\n");
}

int hosts_files_hosts(const char *name, bool ipv6, struct buffer *out)
{
	char own[256];
	int rc;

	rc = append(out, "127.0.0.1\tlocalhost\n");
	if (rc == 0 && ipv6)
		rc = append(out, "::1\tlocalhost ip6-localhost ip6-loopback\n");
	snprintf(own, sizeof(own), STEER_OWN_IPV4 "\t%.64s\n", name);
	if (rc == 0)
		rc = append(out, own);
	snprintf(own, sizeof(own), STEER_OWN_IPV6 "\t%.64s\n", name);
	if (rc == 0 && ipv6)
		rc = append(out, own);
	return rc;
}

static bool is_about_hosts(struct slice line)
{
	line = slice_trim(line);
	if (!slice_starts_with(line, SLICE_LITERAL("hosts")))
		return false;
	line = slice_trim(slice_from(line, strlen("hosts")));
	return slice_starts_with(line, SLICE_LITERAL(":"));
}

int hosts_files_nsswitch(struct slice host_file, struct buffer *out)
{
	struct slice line;
	int rc = append(out, "hosts: files dns\n");

	while (rc == 0 && slice_next_part(&host_file, '\n', &line)) {
		if (is_about_hosts(line) || (line.len == 0 && host_file.ptr == NULL))
			continue;
		rc = buffer_append(out, line);
		if (rc == 0)
			rc = append(out, "\n");
	}
	return rc;
}

/* The parts of PATH that exist are resolved by the system; what is left is taken by its text. */
static int resolve_existing_part(char *path, size_t size)
{
	cleanup_free char *resolved = NULL;
	char rest[PATH_MAX] = "", joined[PATH_MAX];

	while (!(resolved = realpath(path, NULL))) {
		char *slash = strrchr(path, '/');

		if (errno != ENOENT || !slash)
			return -errno;
		if ((size_t)snprintf(joined, sizeof(joined), "%s%s", slash, rest) >= sizeof(joined))
			return -ENAMETOOLONG;
		strcpy(rest, joined);
		*slash = '\0';
		if (slash == path)
			strcpy(path, "/");
	}
	if (rest[0] && strcmp(resolved, "/") == 0)
		resolved[0] = '\0';
	if ((size_t)snprintf(path, size, "%s%s", resolved, rest) >= size)
		return -ENAMETOOLONG;
	return 0;
}

static int follow_link(char *path, size_t size, const char *target)
{
	char joined[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int directory = target[0] == '/' || !slash ? 0 : (int)(slash + 1 - path);

	if ((size_t)snprintf(joined, sizeof(joined), "%.*s%s", directory, path, target) >=
		    sizeof(joined) ||
	    strlen(joined) >= size)
		return -ENAMETOOLONG;
	strcpy(path, joined);
	return 0;
}

int hosts_files_resolve(const char *path, char *out, size_t size)
{
	if (strlen(path) >= size)
		return -ENAMETOOLONG;
	strcpy(out, path);
	for (int i = 0; i < LINKS_MAX; i++) {
		char target[PATH_MAX];
		ssize_t len = readlink(out, target, sizeof(target) - 1);
		int rc;

		if (len < 0)
			return resolve_existing_part(out, size);
		target[len] = '\0';
		rc = follow_link(out, size, target);
		if (rc < 0)
			return rc;
	}
	return -ELOOP;
}
