/*
 * QUIC's Initial. The input's first byte chooses: raw datagrams, or the rest as the frames of
 * packets that are sealed by the keys of their id, so that what lies behind the seal is reached.
 * The frames are sent in one packet, and cut into two where the second byte says; a name that is
 * found in one packet must not be another in two.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/tls/quic.h"
#include "tests/unit/tls/quic_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHOICE_RAW = 0, CHOICE_BYTES = 2, FRAMES_MAX_BYTES = 3000 };

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* Without room behind it, so that the sanitizers see a read past the end. */
static void feed(struct quic_initial *initial, struct slice datagram)
{
	char *copy = malloc(datagram.len ? datagram.len : 1);

	require(copy);
	memcpy(copy, datagram.ptr, datagram.len);
	quic_initial_continues(initial, slice_of(copy, datagram.len));
	quic_initial_read(initial, slice_of(copy, datagram.len));
	free(copy);
}

static void require_sound(const struct quic_initial *initial)
{
	require(initial->whole <= QUIC_STREAM_MAX_BYTES);
	require(initial->header.destination_id_bytes <= QUIC_ID_MAX_BYTES);
	require((initial->status == QUIC_UNREADABLE) == (initial->problem != QUIC_OK));
	require((initial->status == QUIC_DONE) == (initial->hello.status == HELLO_DONE));
	quic_initial_problem_text(initial);
	if (initial->status != QUIC_NOT_QUIC)
		quic_version_name(initial->header.version);
}

static void feed_sealed(struct quic_initial *initial, enum quic_version version,
			struct slice frames, uint32_t number)
{
	uint8_t packet[QUIC_SAMPLE_MAX_BYTES];
	struct quic_sample sample = {.version = version, .payload = frames, .number = number};

	feed(initial, slice_of(packet, quic_sample_initial(&sample, packet, sizeof(packet))));
}

static void try_raw(struct slice bytes, size_t cut)
{
	static struct quic_initial initial;

	quic_initial_init(&initial);
	feed(&initial, slice_first(bytes, cut));
	feed(&initial, slice_from(bytes, cut));
	feed(&initial, bytes);
	require_sound(&initial);
}

static void try_sealed(enum quic_version version, struct slice frames, size_t cut)
{
	static struct quic_initial one, two;

	quic_initial_init(&one);
	feed_sealed(&one, version, frames, 0);
	require_sound(&one);
	require(one.status != QUIC_NOT_QUIC);
	quic_initial_init(&two);
	feed_sealed(&two, version, slice_first(frames, cut), 0);
	feed_sealed(&two, version, slice_from(frames, cut), 1);
	require_sound(&two);
	if (one.status == QUIC_DONE && two.status == QUIC_DONE && one.hello.has_sni &&
	    two.hello.has_sni)
		require(host_equal(&one.hello.sni, &two.hello.sni));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes;

	if (size < CHOICE_BYTES || size > CHOICE_BYTES + FRAMES_MAX_BYTES)
		return 0;
	bytes = slice_of(data + CHOICE_BYTES, size - CHOICE_BYTES);
	if (data[0] % 4 == CHOICE_RAW)
		try_raw(bytes, data[1]);
	else
		try_sealed(data[0] % 4 == 1 ? QUIC_VERSION_2 : QUIC_VERSION_1, bytes, data[1]);
	return 0;
}
