#include "proxy/dns/wire.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "base/error.h"

/* RFC 1035 section 4.1.1, RFC 4035 section 3. */
enum header_bits {
	BIT_RESPONSE = 0x8000,
	MASK_OPCODE = 0x7800,
	BIT_TRUNCATED = 0x0200,
	BIT_RECURSION_DESIRED = 0x0100,
	BIT_RECURSION_AVAILABLE = 0x0080,
	BIT_CHECKING_DISABLED = 0x0010,
};

enum {
	HEADER_BYTES = 12,
	FLAGS_OFFSET = 2,
	ANSWER_COUNT_OFFSET = 6,
	ADDITIONAL_COUNT_OFFSET = 10,
	LABEL_MAX_BYTES = 63,
	POINTER_TO_QUESTION = 0xc000 | HEADER_BYTES,
	OPT_BYTES = 11, /* without options */
	OPT_DNSSEC_OK = 0x8000,
	OPTION_HEADER_BYTES = 4,
	OPTION_EXTENDED_ERROR = 15,
};

/* Passes over a name, which may not be compressed: there is nothing before it to point to. */
static struct slice read_name(struct reader *r)
{
	const uint8_t *start = r->next;
	uint8_t length;

	do {
		length = reader_u8(r);
		if (length > LABEL_MAX_BYTES)
			reader_fail(r, ERROR_SYNTAX);
		reader_skip(r, length);
	} while (!r->error && length > 0);
	if ((size_t)(r->next - start) > DNS_NAME_MAX_BYTES)
		reader_fail(r, ERROR_SYNTAX);
	return r->error ? SLICE_EMPTY : slice_of(start, (size_t)(r->next - start));
}

/* RFC 4343 section 2.1: what is not printable as \DDD, a dot or backslash inside a label behind a
 * backslash. */
static char *show_label(struct slice label, char *out)
{
	for (size_t i = 0; i < label.len; i++) {
		char c = label.ptr[i];

		if (c <= 0x20 || c >= 0x7f)
			out += sprintf(out, "\\%03u", (unsigned int)(uint8_t)c);
		else if (c == '.' || c == '\\')
			out += sprintf(out, "\\%c", c);
		else
			*out++ = c;
	}
	return out;
}

/* Fills SHOWN, and NAME if it is a host name. A label with a dot in it must not pass for two. */
static void spell_name(struct dns_question *question)
{
	struct reader r = reader_of(question->name_wire);
	char text[DNS_NAME_MAX_BYTES], *shown = question->shown;
	struct writer w = writer_of(text, sizeof(text));
	bool dotted = false;

	for (struct slice label = reader_vector8(&r); label.len > 0; label = reader_vector8(&r)) {
		if (shown > question->shown)
			*shown++ = '.';
		if (writer_length(&w) > 0)
			writer_u8(&w, '.');
		shown = show_label(label, shown);
		writer_bytes(&w, label);
		dotted |= slice_find_char(label, '.') < label.len;
	}
	if (shown == question->shown)
		*shown++ = '.';
	*shown = '\0';
	question->name_is_host = !dotted && host_parse_name(slice_of(text, writer_length(&w)),
							    &question->name) == 0;
}

static void read_question(struct reader *r, struct dns_question *question)
{
	struct slice name = read_name(r);

	question->type = reader_u16(r);
	question->class = reader_u16(r);
	if (r->error)
		return;
	question->name_wire = name;
	spell_name(question);
}

static void check_options(struct reader *r, struct slice options)
{
	struct reader list = reader_of(options);

	while (reader_left(&list) > 0) {
		reader_u16(&list);
		reader_vector16(&list);
		if (list.error) {
			reader_fail(r, ERROR_SYNTAX);
			return;
		}
	}
}

/* RFC 6891 section 6.1: root name, OPT, size, extended rcode and version and flags, options. */
static void read_opt(struct reader *r, struct dns_question *question)
{
	struct slice name = read_name(r);
	uint16_t type = reader_u16(r), size = reader_u16(r);
	uint8_t version;
	uint16_t flags;

	reader_u8(r);
	version = reader_u8(r);
	flags = reader_u16(r);
	check_options(r, reader_vector16(r));
	if (name.len != 1 || type != DNS_TYPE_OPT)
		reader_fail(r, ERROR_SYNTAX);
	if (r->error)
		return;
	question->has_edns = true;
	question->dnssec_ok = flags & OPT_DNSSEC_OK;
	if (size > DNS_UDP_DEFAULT_BYTES)
		question->udp_bytes = size;
	if (version != 0)
		question->problem = DNS_BADVERS;
}

int dns_read_query(struct slice message, struct dns_question *question)
{
	struct reader r = reader_of(message);
	uint16_t questions, answers, authorities, additional;

	*question = (struct dns_question){.udp_bytes = DNS_UDP_DEFAULT_BYTES};
	question->id = reader_u16(&r);
	question->flags = reader_u16(&r);
	questions = reader_u16(&r);
	answers = reader_u16(&r);
	authorities = reader_u16(&r);
	additional = reader_u16(&r);
	if (r.error || question->flags & BIT_RESPONSE)
		return ERROR_SYNTAX;
	if (question->flags & MASK_OPCODE) {
		question->problem = DNS_NOTIMP;
		return 0;
	}
	if (questions == 1)
		read_question(&r, question);
	if (additional == 1)
		read_opt(&r, question);
	if (questions != 1 || answers || authorities || additional > 1 || !reader_done(&r))
		question->problem = DNS_FORMERR;
	return 0;
}

static void write_record_start(struct writer *w, const struct dns_question *question)
{
	writer_u16(w, POINTER_TO_QUESTION);
	writer_u16(w, question->type);
	writer_u16(w, question->class);
	writer_u32(w, DNS_TTL_S);
}

static void write_address(struct writer *w, const struct dns_question *question,
			  const uint8_t address[16])
{
	uint16_t length = question->type == DNS_TYPE_A ? 4 : 16;

	write_record_start(w, question);
	writer_u16(w, length);
	writer_bytes(w, slice_of(address, length));
}

static void write_target(struct writer *w, const struct dns_question *question,
			 const struct host *target)
{
	struct slice rest = host_slice(target), label;

	write_record_start(w, question);
	/* Each dot becomes a length, and there is one length more, and the root's. */
	writer_u16(w, (uint16_t)(rest.len + 2));
	while (slice_next_part(&rest, '.', &label)) {
		writer_u8(w, (uint8_t)label.len);
		writer_bytes(w, label);
	}
	writer_u8(w, 0);
}

/* Returns the number of records. */
static uint16_t write_answers(struct writer *w, const struct dns_question *question,
			      const struct dns_answer *answer)
{
	uint16_t count = 0;

	for (; count < answer->address_count; count++)
		write_address(w, question, answer->addresses[count]);
	if (answer->target) {
		write_target(w, question, answer->target);
		count++;
	}
	return count;
}

/* The OPT record with the extended error, if there is one; its text only if there is room for it.
 */
static void write_opt(struct writer *w, const struct dns_question *question,
		      const struct dns_answer *answer)
{
	struct slice text = slice_from_text(answer->extended_text ? answer->extended_text : "");
	size_t options = 0;

	if (answer->extended != DNS_EDE_NONE) {
		if (writer_room(w) < OPT_BYTES + OPTION_HEADER_BYTES + 2 + text.len)
			text.len = 0;
		options = OPTION_HEADER_BYTES + 2 + text.len;
	}
	writer_u8(w, 0);
	writer_u16(w, DNS_TYPE_OPT);
	writer_u16(w, DNS_UDP_MAX_BYTES);
	writer_u8(w, (uint8_t)(answer->rcode >> 4));
	writer_u8(w, 0);
	writer_u16(w, question->dnssec_ok ? OPT_DNSSEC_OK : 0);
	writer_u16(w, (uint16_t)options);
	if (options == 0)
		return;
	writer_u16(w, OPTION_EXTENDED_ERROR);
	writer_u16(w, (uint16_t)(2 + text.len));
	writer_u16(w, (uint16_t)answer->extended);
	writer_bytes(w, text);
}

static uint16_t response_flags(const struct dns_question *question, const struct dns_answer *answer)
{
	uint16_t kept = MASK_OPCODE | BIT_RECURSION_DESIRED | BIT_CHECKING_DISABLED;

	return (uint16_t)(BIT_RESPONSE | BIT_RECURSION_AVAILABLE | (question->flags & kept) |
			  (answer->rcode & 0xf));
}

/* The part that always fits: header and question, as yet without answers. */
static void write_start(struct writer *w, const struct dns_question *question,
			const struct dns_answer *answer)
{
	bool has_question = question->name_wire.len > 0;

	writer_u16(w, question->id);
	writer_u16(w, response_flags(question, answer));
	writer_u16(w, has_question);
	writer_u16(w, 0);
	writer_u16(w, 0);
	writer_u16(w, 0);
	if (!has_question)
		return;
	writer_bytes(w, question->name_wire);
	writer_u16(w, question->type);
	writer_u16(w, question->class);
}

size_t dns_write_response(const struct dns_question *question, const struct dns_answer *answer,
			  char *out, size_t limit)
{
	size_t reserved = question->has_edns ? OPT_BYTES + OPTION_HEADER_BYTES + 2 : 0;
	struct writer w = writer_of(out, limit), start;
	uint16_t count;

	assert(limit >= DNS_UDP_DEFAULT_BYTES && answer->address_count <= DNS_ANSWERS_MAX);
	assert(question->has_edns || answer->rcode < DNS_BADVERS);
	write_start(&w, question, answer);
	start = w;
	w.end -= reserved;
	count = write_answers(&w, question, answer);
	if (w.error) {
		uint16_t flags = response_flags(question, answer) | BIT_TRUNCATED;

		w = start;
		writer_patch_u16(&w, FLAGS_OFFSET, flags);
	} else {
		w.end += reserved;
		writer_patch_u16(&w, ANSWER_COUNT_OFFSET, count);
	}
	if (question->has_edns) {
		write_opt(&w, question, answer);
		writer_patch_u16(&w, ADDITIONAL_COUNT_OFFSET, 1);
	}
	assert(!w.error);
	return writer_length(&w);
}
