/* The head of a proxy's answer to CONNECT: what is read of its first bytes is what is read of all,
 * and nothing behind its end is touched. */
#include "proxy/engine/connect_head.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first LEN bytes of DATA, in memory of that size. */
static int read_first(const uint8_t *data, size_t len, struct connect_head *head)
{
	char *copy = malloc(len ? len : 1);
	int rc;

	assert(copy);
	memcpy(copy, data, len);
	rc = connect_head_read(slice_of(copy, len), head);
	free(copy);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct connect_head head = {0}, part = {0};
	int rc = read_first(data, size, &head);

	if (rc < 0)
		return 0;
	for (size_t len = 0; len < (rc == 1 ? head.length : size); len += 1 + len / 16)
		assert(read_first(data, len, &part) == 0);
	if (rc == 0)
		return 0;
	assert(head.length <= size && head.length <= CONNECT_HEAD_MAX_BYTES);
	assert(memcmp(data + head.length - 4, "\r\n\r\n", 4) == 0);
	assert(head.status >= 100 && head.status < 600);
	assert(read_first(data, head.length, &part) == 1 && part.length == head.length);
	return 0;
}
