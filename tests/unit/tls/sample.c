#include "tests/unit/tls/sample.h"

#include <assert.h>

#include "base/cursor.h"

enum { RECORD_MAX_BYTES = 1 << 14 };

static void write_vector8(struct writer *w, struct slice bytes)
{
	writer_u8(w, (uint8_t)bytes.len);
	writer_bytes(w, bytes);
}

static void write_vector16(struct writer *w, struct slice bytes)
{
	writer_u16(w, (uint16_t)bytes.len);
	writer_bytes(w, bytes);
}

static struct slice or_else(struct slice chosen, struct slice ordinary)
{
	return chosen.ptr ? chosen : ordinary;
}

size_t sample_message(const struct sample *sample, uint8_t *out, size_t size)
{
	struct writer w = writer_of(out, size);
	char random[32];
	size_t len;

	memset(random, 'R', sizeof(random));
	writer_u8(&w, sample->message_type ? sample->message_type : 1);
	writer_u8(&w, 0);
	writer_u16(&w, 0);
	writer_u16(&w, sample->legacy_version ? sample->legacy_version : 0x0303);
	writer_bytes(&w, slice_of(random, sizeof(random)));
	write_vector8(&w, or_else(sample->session_id, SLICE_LITERAL("0123456789abcdef")));
	write_vector16(&w, or_else(sample->ciphers, SLICE_LITERAL("\x13\x01\x13\x02\xc0\x2f")));
	write_vector8(&w, or_else(sample->compression, SLICE_LITERAL("\0")));
	if (!sample->without_extensions)
		write_vector16(&w, or_else(sample->extensions, SLICE_EMPTY));
	writer_bytes(&w, or_else(sample->behind, SLICE_EMPTY));
	assert(!w.error);
	len = writer_length(&w) - 4;
	out[1] = (uint8_t)(len >> 16);
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
	return writer_length(&w);
}

size_t sample_records(struct slice message, size_t fragment, uint8_t *out, size_t size)
{
	struct writer w = writer_of(out, size);

	while (message.len > 0) {
		struct slice part = slice_first(message, fragment);

		writer_u8(&w, 22);
		writer_u16(&w, 0x0301);
		write_vector16(&w, part);
		message = slice_from(message, part.len);
	}
	assert(!w.error);
	return writer_length(&w);
}

size_t sample_hello(const struct sample *sample, uint8_t *out, size_t size)
{
	static uint8_t message[SAMPLE_MAX_BYTES];
	size_t len = sample_message(sample, message, sizeof(message));

	return sample_records(slice_of(message, len), RECORD_MAX_BYTES, out, size);
}

size_t sample_extension(uint16_t type, struct slice body, uint8_t *out, size_t size)
{
	struct writer w = writer_of(out, size);

	writer_u16(&w, type);
	write_vector16(&w, body);
	assert(!w.error);
	return writer_length(&w);
}

size_t sample_server_name(struct slice name, uint8_t *out, size_t size)
{
	struct writer w = writer_of(out, size);

	writer_u16(&w, 0);
	writer_u16(&w, (uint16_t)(name.len + 5));
	writer_u16(&w, (uint16_t)(name.len + 3));
	writer_u8(&w, 0);
	write_vector16(&w, name);
	assert(!w.error);
	return writer_length(&w);
}

static void write_extension(struct writer *w, uint16_t type, struct slice body)
{
	writer_u16(w, type);
	write_vector16(w, body);
}

static void write_ech_grease(struct writer *w)
{
	char random[32 + 240];

	memset(random, 'E', sizeof(random));
	writer_u16(w, 0xfe0d);
	writer_u16(w, 1 + 2 + 2 + 1 + 2 + 32 + 2 + 240);
	writer_u8(w, 0);
	writer_u16(w, 1); /* HKDF-SHA256 */
	writer_u16(w, 1); /* AES-128-GCM */
	writer_u8(w, 0x5a);
	write_vector16(w, slice_of(random, 32));
	write_vector16(w, slice_of(random + 32, 240));
}

static void write_key_share(struct writer *w)
{
	char random[1216 + 32];

	memset(random, 'K', sizeof(random));
	writer_u16(w, 51);
	writer_u16(w, 2 + 5 + 4 + 1216 + 4 + 32);
	writer_u16(w, 5 + 4 + 1216 + 4 + 32);
	writer_u16(w, 0x2a2a);
	write_vector16(w, SLICE_LITERAL("\0"));
	writer_u16(w, 0x11ec); /* X25519MLKEM768 */
	write_vector16(w, slice_of(random, 1216));
	writer_u16(w, 0x001d); /* X25519 */
	write_vector16(w, slice_of(random + 1216, 32));
}

size_t sample_browser_extensions(struct slice name, uint8_t *out, size_t size)
{
	struct writer w = writer_of(out, size);

	write_extension(&w, 0x0a0a, SLICE_EMPTY);
	write_extension(&w, 45, SLICE_LITERAL("\x01\x01"));
	write_extension(&w, 23, SLICE_EMPTY);
	write_key_share(&w);
	write_ech_grease(&w);
	write_extension(&w, 16, SLICE_LITERAL("\x00\x0c\x02h2\x08http/1.1"));
	write_extension(&w, 0xff01, SLICE_LITERAL("\0"));
	w.next += sample_server_name(name, w.next, writer_room(&w));
	write_extension(&w, 43, SLICE_LITERAL("\x06\x3a\x3a\x03\x04\x03\x03"));
	write_extension(&w, 13, SLICE_LITERAL("\x00\x04\x04\x03\x08\x04"));
	write_extension(&w, 5, SLICE_LITERAL("\x01\0\0\0\0"));
	write_extension(&w, 18, SLICE_EMPTY);
	write_extension(&w, 27, SLICE_LITERAL("\x02\x00\x02"));
	write_extension(&w, 35, SLICE_EMPTY);
	write_extension(&w, 10, SLICE_LITERAL("\x00\x08\x2a\x2a\x11\xec\x00\x1d\x00\x17"));
	write_extension(&w, 0x1a1a, SLICE_LITERAL("\0"));
	assert(!w.error);
	return writer_length(&w);
}
