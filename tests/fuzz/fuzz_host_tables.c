/* Tables of the host that hold names which anybody could choose: sockets, mounts. */
#include <assert.h>

#include "base/buffer.h"
#include "proxy/steer/hosts_files.h"
#include "proxy/steer/mount_table.h"
#include "proxy/steer/unix_sockets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	struct path_list list = {0};
	struct buffer out;

	unix_sockets_collect(text, &list);
	for (size_t i = 0; i < list.count; i++)
		assert(list.paths[i][0] == '/');
	mount_table_collect(text, &list);
	path_list_free(&list);
	buffer_init(&out, HOSTS_FILE_MAX_BYTES);
	hosts_files_nsswitch(text, &out);
	buffer_free(&out);
	return 0;
}
