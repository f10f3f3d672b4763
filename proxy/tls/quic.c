#include "proxy/tls/quic.h"

#include <assert.h>
#include <string.h>

#include "base/cursor.h"
#include "base/error.h"
#include "proxy/tls/quic_seal.h"

enum {
	LONG_HEADER_BIT = 0x80,
	FIXED_BIT = 0x40,
	TYPE_SHIFT = 4,
	FIRST_ID_MIN_BYTES = 8, /* RFC 9000 section 7.2 */
	MESSAGE_HEADER_BYTES = 4,
};

enum frame_type {
	FRAME_PADDING = 0x00,
	FRAME_PING = 0x01,
	FRAME_ACK = 0x02,
	FRAME_ACK_ECN = 0x03,
	FRAME_CRYPTO = 0x06,
	FRAME_CONNECTION_CLOSE = 0x1c,
};

/* The first row that fits is the one. */
static const struct version_row {
	uint32_t mask, number;
	enum quic_version version;
} version_rows[] = {
	{0xffffffff, 0x00000001, QUIC_VERSION_1},
	{0xffffffff, 0x6b3343cf, QUIC_VERSION_2},
	{0xffffffff, 0x00000000, QUIC_VERSION_NONE},
	{0x0f0f0f0f, 0x0a0a0a0a, QUIC_VERSION_RESERVED},
	{0xffffff00, 0xff000000, QUIC_VERSION_DRAFT},
	{0xffffffff, 0x709a50c4, QUIC_VERSION_DRAFT}, /* of version 2 */
	{0xffff0000, 0x51300000, QUIC_VERSION_GOOGLE},
	{0xffff0000, 0x54300000, QUIC_VERSION_GOOGLE},
};

static const char *const version_names[QUIC_VERSION_COUNT] = {
	[QUIC_VERSION_1] = "QUIC version 1",
	[QUIC_VERSION_2] = "QUIC version 2",
	[QUIC_VERSION_NONE] = "QUIC's version negotiation",
	[QUIC_VERSION_RESERVED] = "QUIC of a reserved version",
	[QUIC_VERSION_DRAFT] = "a draft of QUIC",
	[QUIC_VERSION_GOOGLE] = "Google QUIC",
	[QUIC_VERSION_OTHER] = "QUIC of an unknown version",
};

static const char *const problem_texts[] = {
	[QUIC_OK] = "nothing is wrong",
	[QUIC_UNKNOWN_VERSION] = "its version is one whose keys are not known",
	[QUIC_SHORT_ID] = "its connection id is too short for a first packet",
	[QUIC_CUT_OFF] = "it is cut off",
	[QUIC_TOO_LARGE] = "it is too large",
	[QUIC_UNAUTHENTIC] = "its seal does not fit",
	[QUIC_RESERVED_BITS] = "reserved bits are set",
	[QUIC_FRAME] = "a frame that is malformed or has no place in an Initial",
	[QUIC_CONFLICT] = "it sends two different bytes for one place",
	[QUIC_HELLO] = "its ClientHello is refused",
	[QUIC_NO_MEMORY] = "out of memory",
};

_Static_assert(sizeof(problem_texts) / sizeof(problem_texts[0]) == QUIC_PROBLEM_COUNT,
	       "every problem has a text");

const char *quic_version_name(enum quic_version version)
{
	assert(version < QUIC_VERSION_COUNT);
	return version_names[version];
}

const char *quic_initial_problem_text(const struct quic_initial *initial)
{
	assert(initial->problem < QUIC_PROBLEM_COUNT);
	if (initial->problem == QUIC_HELLO)
		return hello_problem_text(initial->hello.problem);
	return problem_texts[initial->problem];
}

static enum quic_version version_of(uint32_t number)
{
	for (size_t i = 0; i < sizeof(version_rows) / sizeof(version_rows[0]); i++) {
		if ((number & version_rows[i].mask) == version_rows[i].number)
			return version_rows[i].version;
	}
	return QUIC_VERSION_OTHER;
}

static enum quic_type type_of(enum quic_version version, uint8_t first)
{
	unsigned int bits = first >> TYPE_SHIFT & 3;

	if (version == QUIC_VERSION_1)
		return (enum quic_type)bits;
	/* RFC 9369 section 3.2: Initial is 1, 0-RTT 2, Handshake 3, Retry 0. */
	if (version == QUIC_VERSION_2)
		return (enum quic_type)((bits + 3) % 4);
	return QUIC_TYPE_UNKNOWN;
}

/* RFC 8999 section 5.1, and what RFC 9000 section 17.2 narrows of it. Nobody has made a version
 * with longer ids; a bound on them keeps other protocols from looking like one. */
static bool read_header(struct reader *r, struct quic_header *header)
{
	uint8_t first = reader_u8(r);
	struct slice destination, source;

	header->number = reader_u32(r);
	destination = reader_vector8(r);
	source = reader_vector8(r);
	if (r->error || !(first & LONG_HEADER_BIT) || destination.len > QUIC_ID_MAX_BYTES ||
	    source.len > QUIC_ID_MAX_BYTES)
		return false;
	header->version = version_of(header->number);
	header->type = type_of(header->version, first);
	header->destination_id_bytes = (uint8_t)destination.len;
	memcpy(header->destination_id, destination.ptr, destination.len);
	return first & FIXED_BIT || header->version == QUIC_VERSION_NONE;
}

bool quic_read_header(struct slice datagram, struct quic_header *header)
{
	struct reader r = reader_of(datagram);

	*header = (struct quic_header){0};
	return read_header(&r, header);
}

static struct slice id_of(const struct quic_header *header)
{
	return slice_of(header->destination_id, header->destination_id_bytes);
}

static bool is_same_attempt(const struct quic_header *a, const struct quic_header *b)
{
	return a->number == b->number && slice_equal(id_of(a), id_of(b));
}

bool quic_initial_continues(const struct quic_initial *initial, struct slice datagram)
{
	struct quic_header header;

	return initial->status == QUIC_MORE && initial->packets > 0 &&
	       quic_read_header(datagram, &header) && is_same_attempt(&header, &initial->header);
}

void quic_initial_init(struct quic_initial *initial)
{
	initial->status = QUIC_MORE;
	initial->problem = QUIC_OK;
	initial->header = (struct quic_header){0};
	hello_init(&initial->hello);
	initial->packets = 0;
	initial->whole = 0;
	memset(initial->have, 0, sizeof(initial->have));
}

/* RFC 9000 section 16. */
static uint64_t read_varint(struct reader *r)
{
	uint8_t first = reader_u8(r);
	uint64_t value = first & 0x3f;

	for (int more = (1 << (first >> 6)) - 1; more > 0; more--)
		value = value << 8 | reader_u8(r);
	return value;
}

/* A length that no packet can have becomes one that fails. */
static struct slice read_varint_bytes(struct reader *r)
{
	uint64_t len = read_varint(r);

	if (len > reader_left(r)) {
		reader_fail(r, ERROR_TRUNCATED);
		return SLICE_EMPTY;
	}
	return reader_bytes(r, (size_t)len);
}

static bool has_byte(const struct quic_initial *initial, size_t at)
{
	return initial->have[at / 8] >> at % 8 & 1;
}

/* RFC 9000 section 19.6. What came before must not be contradicted: else two readers of the stream
 * could see two names. */
static enum quic_problem take_crypto(struct quic_initial *initial, struct reader *r)
{
	uint64_t offset = read_varint(r);
	struct slice bytes = read_varint_bytes(r);

	if (r->error)
		return QUIC_FRAME;
	if (offset > QUIC_STREAM_MAX_BYTES || bytes.len > QUIC_STREAM_MAX_BYTES - offset)
		return QUIC_TOO_LARGE;
	for (size_t i = 0; i < bytes.len; i++) {
		size_t at = (size_t)offset + i;
		uint8_t byte = (uint8_t)bytes.ptr[i];

		if (has_byte(initial, at) && initial->stream[at] != byte)
			return QUIC_CONFLICT;
		initial->stream[at] = byte;
		initial->have[at / 8] |= (uint8_t)(1 << at % 8);
	}
	while (initial->whole < QUIC_STREAM_MAX_BYTES && has_byte(initial, initial->whole))
		initial->whole++;
	return QUIC_OK;
}

/* RFC 9000 section 19.3. */
static void skip_ack(struct reader *r, bool ecn)
{
	uint64_t ranges;

	read_varint(r); /* largest acknowledged */
	read_varint(r); /* delay */
	ranges = read_varint(r);
	read_varint(r); /* first range */
	for (; ranges > 0 && !r->error; ranges--) {
		read_varint(r);
		read_varint(r);
	}
	for (int counts = ecn ? 3 : 0; counts > 0; counts--)
		read_varint(r);
}

/* RFC 9000 section 19.19. */
static void skip_close(struct reader *r)
{
	read_varint(r); /* error code */
	read_varint(r); /* frame type */
	read_varint_bytes(r);
}

/* Those that may stand in an Initial (RFC 9000 section 12.4). Their types take one byte, as a type
 * has to be in its shortest form. */
static enum quic_problem take_frame(struct quic_initial *initial, struct reader *r)
{
	uint8_t type = reader_u8(r);

	switch (type) {
	case FRAME_PADDING:
	case FRAME_PING:
		return QUIC_OK;
	case FRAME_ACK:
	case FRAME_ACK_ECN:
		skip_ack(r, type == FRAME_ACK_ECN);
		break;
	case FRAME_CRYPTO:
		return take_crypto(initial, r);
	case FRAME_CONNECTION_CLOSE:
		skip_close(r);
		break;
	default:
		return QUIC_FRAME;
	}
	return r->error ? QUIC_FRAME : QUIC_OK;
}

static enum quic_problem take_frames(struct quic_initial *initial, struct slice payload)
{
	struct reader r = reader_of(payload);
	enum quic_problem problem = QUIC_OK;

	if (payload.len == 0)
		return QUIC_FRAME;
	while (problem == QUIC_OK && reader_left(&r) > 0)
		problem = take_frame(initial, &r);
	return problem;
}

/* PACKET ends where its length says; its number begins at NUMBER_AT. */
static enum quic_problem take_initial(struct quic_initial *initial, struct slice packet,
				      size_t number_at)
{
	uint8_t payload[QUIC_PACKET_MAX_BYTES];
	struct quic_keys keys;
	enum quic_problem problem;
	size_t len;

	if (initial->header.destination_id_bytes < FIRST_ID_MIN_BYTES)
		return QUIC_SHORT_ID;
	if (packet.len - number_at > sizeof(payload) || ++initial->packets > QUIC_PACKETS_MAX)
		return QUIC_TOO_LARGE;
	problem = quic_keys_derive(initial->header.version, id_of(&initial->header), &keys);
	if (problem == QUIC_OK)
		problem = quic_keys_open(&keys, packet, number_at, payload, &len);
	if (problem == QUIC_OK)
		problem = take_frames(initial, slice_of(payload, len));
	return problem;
}

/* Takes the packet at the start of REST and cuts it off; what has no length takes all. HEADER is
 * its header, which R has read. */
static enum quic_problem take_packet(struct quic_initial *initial, const struct quic_header *header,
				     struct reader *r, struct slice *rest)
{
	struct slice packet;
	uint64_t length;

	if (header->type == QUIC_RETRY) {
		*rest = SLICE_EMPTY;
		return QUIC_OK;
	}
	if (header->type == QUIC_INITIAL)
		read_varint_bytes(r); /* the token */
	length = read_varint(r);
	if (r->error || length > reader_left(r))
		return QUIC_CUT_OFF;
	packet = slice_first(*rest, reader_offset(r) + (size_t)length);
	*rest = slice_from(*rest, packet.len);
	if (header->type != QUIC_INITIAL || !is_same_attempt(header, &initial->header))
		return QUIC_OK;
	return take_initial(initial, packet, reader_offset(r));
}

/* The packets of a datagram, one behind the other (RFC 9000 section 12.2). */
static enum quic_problem take_datagram(struct quic_initial *initial, struct slice rest)
{
	enum quic_problem problem = QUIC_OK;

	while (rest.len > 0 && problem == QUIC_OK) {
		struct reader r = reader_of(rest);
		struct quic_header header = {0};

		/* A short header, or padding behind the packets. */
		if (!read_header(&r, &header) || header.type == QUIC_TYPE_UNKNOWN)
			break;
		problem = take_packet(initial, &header, &r, &rest);
	}
	return problem;
}

/* Reads the ClientHello if all of it is there. */
static enum quic_problem finish(struct quic_initial *initial)
{
	const uint8_t *h = initial->stream;
	size_t size;

	if (initial->whole < MESSAGE_HEADER_BYTES)
		return QUIC_OK;
	size = MESSAGE_HEADER_BYTES + ((size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3]);
	if (size > QUIC_STREAM_MAX_BYTES)
		return QUIC_TOO_LARGE;
	if (initial->whole < size)
		return QUIC_OK;
	if (hello_read_message_alone(&initial->hello, slice_of(initial->stream, size)) !=
	    HELLO_DONE)
		return QUIC_HELLO;
	initial->status = QUIC_DONE;
	return QUIC_OK;
}

static enum quic_status refuse(struct quic_initial *initial, enum quic_problem problem)
{
	initial->problem = problem;
	return initial->status = QUIC_UNREADABLE;
}

enum quic_status quic_initial_read(struct quic_initial *initial, struct slice datagram)
{
	struct quic_header header;
	enum quic_problem problem;

	if (initial->status != QUIC_MORE)
		return initial->status;
	if (!quic_read_header(datagram, &header))
		return initial->status = QUIC_NOT_QUIC;
	if (initial->packets == 0)
		initial->header = header;
	if (header.type == QUIC_TYPE_UNKNOWN)
		return refuse(initial, QUIC_UNKNOWN_VERSION);
	problem = take_datagram(initial, datagram);
	/* A packet that is cut off takes nothing from those before it. */
	if (problem == QUIC_OK || problem == QUIC_CUT_OFF) {
		enum quic_problem fault = finish(initial);

		if (fault != QUIC_OK || initial->status == QUIC_DONE)
			problem = fault;
	}
	return problem == QUIC_OK ? initial->status : refuse(initial, problem);
}
