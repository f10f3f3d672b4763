#include "proxy/tls/hello.h"

#include <assert.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "proxy/tls/hello_message.h"

enum {
	RECORD_HEADER_BYTES = 5,
	RECORD_MAX_BYTES = 1 << 14,
	RECORD_CHANGE_CIPHER_SPEC = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_APPLICATION_DATA = 23,
	MESSAGE_HEADER_BYTES = 4,
	MESSAGE_CLIENT_HELLO = 1,
	SSLV2_LENGTH_BIT = 0x80,
	SSLV2_CLIENT_HELLO = 1,
	ALERT_FATAL = 2,
};

static const struct problem_row {
	const char *text;
	enum hello_alert alert;
} problem_rows[] = {
	[HELLO_OK] = {"nothing is wrong", HELLO_ALERT_NONE},
	[HELLO_NOT_TLS] = {"the connection does not begin with TLS", HELLO_ALERT_NONE},
	[HELLO_SSLV2] = {"an SSL 2.0 ClientHello", HELLO_ALERT_PROTOCOL_VERSION},
	[HELLO_RECORD_TYPE] = {"a TLS record that is not of the handshake before the ClientHello",
			       HELLO_ALERT_UNEXPECTED_MESSAGE},
	[HELLO_RECORD_VERSION] = {"a record of no version of TLS", HELLO_ALERT_PROTOCOL_VERSION},
	[HELLO_RECORD_LENGTH] = {"a TLS record that is empty or over 2^14 bytes",
				 HELLO_ALERT_RECORD_OVERFLOW},
	[HELLO_MESSAGE_TYPE] = {"a handshake message that is not a ClientHello",
				HELLO_ALERT_UNEXPECTED_MESSAGE},
	[HELLO_TOO_LARGE] = {"the ClientHello is too large", HELLO_ALERT_DECODE_ERROR},
	[HELLO_TRAILING] = {"handshake bytes behind the ClientHello in its record",
			    HELLO_ALERT_UNEXPECTED_MESSAGE},
	[HELLO_MALFORMED] = {"the ClientHello's lengths do not add up", HELLO_ALERT_DECODE_ERROR},
	[HELLO_VERSION] = {"the ClientHello is of no version of TLS", HELLO_ALERT_PROTOCOL_VERSION},
	[HELLO_COMPRESSION] = {"the ClientHello demands compression",
			       HELLO_ALERT_ILLEGAL_PARAMETER},
	[HELLO_DUPLICATE] = {"an extension stands twice in the ClientHello",
			     HELLO_ALERT_ILLEGAL_PARAMETER},
	[HELLO_PSK_NOT_LAST] = {"pre_shared_key is not the last extension",
				HELLO_ALERT_ILLEGAL_PARAMETER},
	[HELLO_RENEGOTIATION] = {"a renegotiation where there was no connection yet",
				 HELLO_ALERT_HANDSHAKE_FAILURE},
	[HELLO_ECH_INNER] = {"the inner form of encrypted_client_hello in the open",
			     HELLO_ALERT_ILLEGAL_PARAMETER},
	[HELLO_NAME_COUNT] = {"server_name does not hold exactly one name",
			      HELLO_ALERT_UNRECOGNIZED_NAME},
	[HELLO_NAME_TYPE] = {"server_name holds something that is not a host name",
			     HELLO_ALERT_UNRECOGNIZED_NAME},
	[HELLO_NAME_EMPTY] = {"the server name is empty", HELLO_ALERT_UNRECOGNIZED_NAME},
	[HELLO_NAME_NUL] = {"a NUL byte in the server name", HELLO_ALERT_UNRECOGNIZED_NAME},
	[HELLO_NAME_IS_ADDRESS] = {"the server name is an IP address",
				   HELLO_ALERT_UNRECOGNIZED_NAME},
	[HELLO_NAME_INVALID] = {"the server name is not a valid host name",
				HELLO_ALERT_UNRECOGNIZED_NAME},
	[HELLO_NO_MEMORY] = {"out of memory", HELLO_ALERT_INTERNAL_ERROR},
};

_Static_assert(sizeof(problem_rows) / sizeof(problem_rows[0]) == HELLO_PROBLEM_COUNT,
	       "every problem has a row");

const char *hello_problem_text(enum hello_problem problem)
{
	assert(problem < HELLO_PROBLEM_COUNT);
	return problem_rows[problem].text;
}

enum hello_alert hello_problem_alert(enum hello_problem problem)
{
	assert(problem < HELLO_PROBLEM_COUNT);
	return problem_rows[problem].alert;
}

void hello_write_alert(enum hello_alert alert, uint8_t out[HELLO_ALERT_BYTES])
{
	struct writer w = writer_of(out, HELLO_ALERT_BYTES);

	writer_u8(&w, RECORD_ALERT);
	writer_u16(&w, 0x0303);
	writer_u16(&w, 2);
	writer_u8(&w, ALERT_FATAL);
	writer_u8(&w, (uint8_t)alert);
}

void hello_init(struct hello *hello)
{
	*hello = (struct hello){.status = HELLO_MORE};
}

static enum hello_status refuse(struct hello *hello, enum hello_problem problem)
{
	hello->problem = problem;
	return hello->status = HELLO_REFUSED;
}

/* The size of the message with its header; valid once the header is there. */
static size_t message_bytes(const struct hello *hello)
{
	const uint8_t *h = hello->message_header;

	return MESSAGE_HEADER_BYTES + ((size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3]);
}

static bool message_header_is_there(const struct hello *hello)
{
	return hello->message_have >= MESSAGE_HEADER_BYTES;
}

/* Checks of the record type that one byte allows (three, for SSL 2.0), so that a peer that speaks
 * another protocol is not left waiting for more. */
static enum hello_problem check_record_start(struct slice rest, bool first)
{
	uint8_t type = (uint8_t)rest.ptr[0];

	if (type == RECORD_HANDSHAKE)
		return HELLO_OK;
	if (first && (type & SSLV2_LENGTH_BIT)) {
		if (rest.len < 3)
			return HELLO_OK;
		return rest.ptr[2] == SSLV2_CLIENT_HELLO ? HELLO_SSLV2 : HELLO_NOT_TLS;
	}
	if (first && (type < RECORD_CHANGE_CIPHER_SPEC || type > RECORD_APPLICATION_DATA))
		return HELLO_NOT_TLS;
	return HELLO_RECORD_TYPE;
}

/* Reads a record's header at the start of REST. HELLO_OK with record_left still 0: more is needed.
 */
static enum hello_problem read_record_header(struct hello *hello, struct slice rest)
{
	enum hello_problem problem = check_record_start(rest, hello->next == 0);
	struct reader r = reader_of(rest);
	uint16_t version, length;

	if (problem != HELLO_OK || rest.len < RECORD_HEADER_BYTES)
		return problem;
	reader_u8(&r);
	version = reader_u16(&r);
	length = reader_u16(&r);
	if (version < 0x0301 || version > 0x0303)
		return HELLO_RECORD_VERSION;
	if (length == 0 || length > RECORD_MAX_BYTES)
		return HELLO_RECORD_LENGTH;
	if (hello->next + RECORD_HEADER_BYTES + length > HELLO_RAW_MAX_BYTES)
		return HELLO_TOO_LARGE;
	hello->next += RECORD_HEADER_BYTES;
	hello->record_left = length;
	return HELLO_OK;
}

/* Takes as much of the current record's payload as REST holds. A record that reaches past the
 * message is refused before the rest of it is waited for: what follows a ClientHello in its record
 * would be a second message, and nothing may follow (RFC 8446 section 5.1). */
static enum hello_problem take_payload(struct hello *hello, struct slice rest)
{
	size_t len = rest.len < hello->record_left ? rest.len : hello->record_left;
	size_t taken = 0;

	while (taken < len && !message_header_is_there(hello))
		hello->message_header[hello->message_have++] = (uint8_t)rest.ptr[taken++];
	hello->message_have += len - taken;
	hello->record_left -= len;
	hello->next += len;
	if (!message_header_is_there(hello))
		return HELLO_OK;
	if (hello->message_header[0] != MESSAGE_CLIENT_HELLO)
		return HELLO_MESSAGE_TYPE;
	if (message_bytes(hello) > MESSAGE_HEADER_BYTES + HELLO_MAX_BYTES)
		return HELLO_TOO_LARGE;
	if (hello->message_have + hello->record_left > message_bytes(hello))
		return HELLO_TRAILING;
	return HELLO_OK;
}

/* Copies the message out of the payloads of the records in RAW. */
static void join_records(struct slice raw, struct writer *message)
{
	struct reader r = reader_of(raw);

	while (reader_left(&r) > 0) {
		reader_skip(&r, RECORD_HEADER_BYTES - 2);
		writer_bytes(message, reader_vector16(&r));
	}
	assert(reader_done(&r) && writer_room(message) == 0 && !message->error);
}

/* The whole message has come; RAW is the records that carry it. */
static enum hello_problem finish(struct hello *hello, struct slice raw)
{
	size_t size = message_bytes(hello);
	cleanup_free char *joined = NULL;
	struct slice message = slice_from(raw, RECORD_HEADER_BYTES);

	if (raw.len != RECORD_HEADER_BYTES + size) {
		struct writer w;

		joined = malloc(size);
		if (!joined)
			return HELLO_NO_MEMORY;
		w = writer_of(joined, size);
		join_records(raw, &w);
		message = slice_of(joined, size);
	}
	hello->raw_bytes = raw.len;
	hello->body_bytes = size - MESSAGE_HEADER_BYTES;
	return hello_read_message(hello, slice_from(message, MESSAGE_HEADER_BYTES));
}

enum hello_status hello_read(struct hello *hello, struct slice received)
{
	enum hello_problem problem = HELLO_OK;

	while (hello->status == HELLO_MORE && hello->next < received.len) {
		struct slice rest = slice_from(received, hello->next);

		if (hello->record_left > 0) {
			problem = take_payload(hello, rest);
		} else {
			problem = read_record_header(hello, rest);
			if (problem == HELLO_OK && hello->record_left == 0)
				return HELLO_MORE;
		}
		if (problem != HELLO_OK)
			return refuse(hello, problem);
		if (!message_header_is_there(hello) || hello->message_have < message_bytes(hello))
			continue;
		problem = finish(hello, slice_first(received, hello->next));
		if (problem != HELLO_OK)
			return refuse(hello, problem);
		hello->status = HELLO_DONE;
	}
	return hello->status;
}

enum hello_status hello_read_message_alone(struct hello *hello, struct slice message)
{
	enum hello_problem problem;
	size_t header_bytes = message.len < MESSAGE_HEADER_BYTES ? message.len
								 : MESSAGE_HEADER_BYTES;

	memcpy(hello->message_header, message.ptr, header_bytes);
	if (header_bytes < MESSAGE_HEADER_BYTES || message.len != message_bytes(hello))
		return refuse(hello, HELLO_MALFORMED);
	if (hello->message_header[0] != MESSAGE_CLIENT_HELLO)
		return refuse(hello, HELLO_MESSAGE_TYPE);
	if (message.len > MESSAGE_HEADER_BYTES + HELLO_MAX_BYTES)
		return refuse(hello, HELLO_TOO_LARGE);
	hello->raw_bytes = message.len;
	hello->body_bytes = message.len - MESSAGE_HEADER_BYTES;
	problem = hello_read_message(hello, slice_from(message, MESSAGE_HEADER_BYTES));
	if (problem != HELLO_OK)
		return refuse(hello, problem);
	return hello->status = HELLO_DONE;
}
