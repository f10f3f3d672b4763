#include "proxy/steer/unix_sockets.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fd.h"

/* "Num RefCount Protocol Flags Type St Inode Path": the path is all that follows the seventh
 * column and one space, spaces included. */
enum { COLUMNS_BEFORE_PATH = 7 };

static struct slice skip_column(struct slice s)
{
	size_t i = 0;

	while (i < s.len && s.ptr[i] == ' ')
		i++;
	while (i < s.len && s.ptr[i] != ' ')
		i++;
	return slice_from(s, i);
}

struct slice unix_sockets_path(struct slice line)
{
	for (int i = 0; i < COLUMNS_BEFORE_PATH; i++)
		line = skip_column(line);
	line = slice_from(line, 1);
	return slice_starts_with(line, SLICE_LITERAL("/")) ? line : SLICE_EMPTY;
}

int unix_sockets_collect(struct slice text, struct path_list *list)
{
	struct slice line;

	while (slice_next_part(&text, '\n', &line)) {
		struct slice path = unix_sockets_path(line);
		int rc;

		if (path.len == 0 || slice_starts_with(path, SLICE_LITERAL("/run/")))
			continue;
		rc = path_list_add(list, path);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int unix_sockets_read(struct path_list *list, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int rc = fd_read_file("/proc/net/unix", UNIX_SOCKETS_MAX_BYTES, &text, &len, err);

	if (rc == -ENOENT)
		return 0; /* a kernel without unix sockets */
	if (rc < 0)
		return error_wrap(err, rc, "cannot tell which unix sockets lead out");
	rc = unix_sockets_collect(slice_of(text, len), list);
	if (rc == ERROR_LIMIT)
		return error_set(
			err, rc,
			"this host has more than %d unix sockets outside /run, too many to "
			"mask",
			PATH_LIST_MAX);
	if (rc < 0)
		return error_set_code(err, rc, "cannot tell which unix sockets lead out");
	return 0;
}
