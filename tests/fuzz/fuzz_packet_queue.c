/* What the kernel tells of packets that a sandbox made up, and that wait for a verdict. */
#include "proxy/steer/packet_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steer_queued queued[ROOM];
	size_t count;
	/* A datagram is received into aligned memory. */
	void *aligned = malloc(size ? size : 1);

	if (!aligned)
		return 0;
	memcpy(aligned, data, size);
	count = packet_queue_parse(slice_of(aligned, size), queued, ROOM);
	assert(count <= ROOM);
	for (size_t i = 0; i < count; i++)
		assert(queued[i].packet.family == 0 || queued[i].packet.family == 4 ||
		       queued[i].packet.family == 6);
	free(aligned);
	return 0;
}
