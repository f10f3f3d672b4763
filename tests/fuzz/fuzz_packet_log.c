/* What the kernel tells of packets that a sandbox made up. */
#include "proxy/steer/packet_log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void visit(void *context, const struct steer_packet *packet)
{
	size_t *count = context;

	assert(packet->family == 4 || packet->family == 6);
	(*count)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steer_log_state state = {0};
	struct steer_packet packet;
	size_t count = 0;
	void *aligned;

	if (packet_log_parse_packet(slice_of(data, size), &packet) == 0 && packet.payload.len > 0)
		assert((const uint8_t *)packet.payload.ptr + packet.payload.len <= data + size);
	/* A datagram is received into aligned memory. */
	aligned = malloc(size ? size : 1);
	if (!aligned)
		return 0;
	memcpy(aligned, data, size);
	assert(packet_log_parse(slice_of(aligned, size), visit, &count, &state) == (int)count);
	free(aligned);
	return 0;
}
