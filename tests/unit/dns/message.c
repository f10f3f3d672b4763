#include "tests/unit/dns/message.h"

#include <assert.h>

#include "base/cursor.h"
#include "base/error.h"

enum { TYPE_OPT = 41 };

size_t message_query(const char *name, uint16_t type, uint16_t udp_bytes,
		     uint8_t out[MESSAGE_MAX_BYTES])
{
	struct writer w = writer_of(out, MESSAGE_MAX_BYTES);
	struct slice rest = slice_from_text(name), label;

	writer_u16(&w, MESSAGE_ID);
	writer_u16(&w, 0x0100);
	writer_u16(&w, 1);
	writer_u16(&w, 0);
	writer_u16(&w, 0);
	writer_u16(&w, udp_bytes ? 1 : 0);
	while (rest.len > 0 && slice_next_part(&rest, '.', &label)) {
		writer_u8(&w, (uint8_t)label.len);
		writer_bytes(&w, label);
	}
	writer_u8(&w, 0);
	writer_u16(&w, type);
	writer_u16(&w, 1);
	if (udp_bytes) {
		writer_u8(&w, 0);
		writer_u16(&w, TYPE_OPT);
		writer_u16(&w, udp_bytes);
		writer_u32(&w, 0);
		writer_u16(&w, 0);
	}
	assert(!w.error);
	return writer_length(&w);
}

static void skip_name(struct reader *r)
{
	uint8_t length;

	do {
		length = reader_u8(r);
		if (length > 63)
			reader_fail(r, ERROR_SYNTAX);
		reader_skip(r, length);
	} while (length > 0 && !r->error);
}

static void read_record(struct reader *r, struct message_record *record)
{
	if (reader_u16(r) != 0xc00c)
		reader_fail(r, ERROR_SYNTAX);
	record->type = reader_u16(r);
	record->class = reader_u16(r);
	record->ttl = reader_u32(r);
	record->data = reader_vector16(r);
}

static void read_opt(struct reader *r, struct message *message)
{
	struct reader options;

	if (reader_u8(r) != 0 || reader_u16(r) != TYPE_OPT)
		reader_fail(r, ERROR_SYNTAX);
	message->has_opt = true;
	message->opt_bytes = reader_u16(r);
	message->rcode |= (unsigned int)reader_u8(r) << 4;
	if (reader_u8(r) != 0)
		reader_fail(r, ERROR_SYNTAX);
	message->opt_flags = reader_u16(r);
	options = reader_of(reader_vector16(r));
	while (reader_left(&options) > 0) {
		uint16_t code = reader_u16(&options);
		struct reader body = reader_of(reader_vector16(&options));

		if (code != 15 || message->extended >= 0)
			reader_fail(r, ERROR_SYNTAX);
		message->extended = reader_u16(&body);
		message->extended_text = reader_bytes(&body, reader_left(&body));
		if (!reader_done(&body) || options.error)
			reader_fail(r, ERROR_SYNTAX);
	}
}

bool message_read(struct slice bytes, struct message *message)
{
	struct reader r = reader_of(bytes);
	uint16_t authorities, additional;
	const uint8_t *start;

	*message = (struct message){.extended = -1};
	message->id = reader_u16(&r);
	message->flags = reader_u16(&r);
	message->questions = reader_u16(&r);
	message->answers = reader_u16(&r);
	authorities = reader_u16(&r);
	additional = reader_u16(&r);
	message->rcode = message->flags & 0xf;
	if (r.error || !(message->flags & 0x8000) || message->questions > 1 || authorities > 0 ||
	    additional > 1 || message->answers > MESSAGE_RECORDS_MAX)
		return false;
	start = r.next;
	if (message->questions > 0) {
		skip_name(&r);
		reader_skip(&r, 4);
	}
	message->question = slice_of(start, (size_t)(r.next - start));
	for (size_t i = 0; i < message->answers; i++)
		read_record(&r, &message->answer[i]);
	if (additional > 0)
		read_opt(&r, message);
	return reader_done(&r);
}
