#include "proxy/steer/mount_table.h"

#include <limits.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fd.h"

enum {
	MOUNT_TABLE_MAX_BYTES = 16 << 20,
	COLUMN_MOUNT_POINT = 4,
};

struct mount_line {
	struct slice point; /* escaped */
	struct slice type;
	struct slice source;
};

/* "36 35 98:0 /root /point options [tags ...] - type source options" */
static bool parse_line(struct slice line, struct mount_line *mount)
{
	struct slice column;

	for (int i = 0; i <= COLUMN_MOUNT_POINT; i++) {
		if (!slice_next_part(&line, ' ', &column))
			return false;
	}
	mount->point = column;
	do {
		if (!slice_next_part(&line, ' ', &column))
			return false;
	} while (!slice_equal(column, SLICE_LITERAL("-")));
	return slice_next_part(&line, ' ', &mount->type) &&
	       slice_next_part(&line, ' ', &mount->source);
}

static bool leads_to_network_names(const struct mount_line *mount)
{
	if (slice_equal(mount->type, SLICE_LITERAL("afs")))
		return true;
	if (!slice_equal(mount->type, SLICE_LITERAL("autofs")))
		return false;
	return slice_equal(mount->source, SLICE_LITERAL("-hosts")) ||
	       slice_ends_with(mount->source, SLICE_LITERAL("/auto.net")) ||
	       slice_ends_with(mount->source, SLICE_LITERAL("/auto.smb"));
}

static bool is_octal(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '7')
			return false;
	}
	return true;
}

/* Space, tab, newline and backslash are written \ooo. Returns the length; OUT has room for S. */
static size_t unescape(struct slice s, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < s.len; i++) {
		struct slice digits = slice_first(slice_from(s, i + 1), 3);

		if (s.ptr[i] == '\\' && digits.len == 3 && is_octal(digits)) {
			out[used++] = (char)((digits.ptr[0] - '0') << 6 |
					     (digits.ptr[1] - '0') << 3 | (digits.ptr[2] - '0'));
			i += 3;
		} else {
			out[used++] = s.ptr[i];
		}
	}
	return used;
}

int mount_table_collect(struct slice text, struct path_list *list)
{
	struct slice line;

	while (slice_next_part(&text, '\n', &line)) {
		struct mount_line mount;
		char point[PATH_MAX];
		int rc;

		if (!parse_line(line, &mount) || !leads_to_network_names(&mount))
			continue;
		if (mount.point.len > sizeof(point))
			return -ENAMETOOLONG;
		rc = path_list_add(list, slice_of(point, unescape(mount.point, point)));
		if (rc < 0)
			return rc;
	}
	return 0;
}

int mount_table_read(struct path_list *list, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int rc = fd_read_file("/proc/self/mountinfo", MOUNT_TABLE_MAX_BYTES, &text, &len, err);

	if (rc == 0)
		rc = mount_table_collect(slice_of(text, len), list);
	else
		return error_wrap(err, rc, "cannot tell which mounts lead to the network");
	if (rc < 0)
		return error_set_code(err, rc, "cannot tell which mounts lead to the network");
	return 0;
}
