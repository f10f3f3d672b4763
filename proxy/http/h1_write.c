#include "proxy/http/h1_write.h"

#include "base/error.h"

static int write_field(struct writer *out, struct slice name, struct slice value)
{
	if (!http_is_token(name) || !http_is_field_value(value))
		return ERROR_SYNTAX;
	writer_bytes(out, name);
	writer_text(out, ": ");
	writer_bytes(out, value);
	writer_text(out, "\r\n");
	return 0;
}

/* Fields that only the writer may make. The parser takes them out; a message made otherwise, or one
 * that a later change left them in, must not smuggle them through. */
static bool is_writers_own(enum http_field_id id)
{
	return id == FIELD_CONTENT_LENGTH || id == FIELD_TRANSFER_ENCODING || id == FIELD_HOST ||
	       id == FIELD_CONNECTION;
}

static int write_fields(struct writer *out, const struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		const struct http_field *field = &fields->list[i];
		int rc;

		if (is_writers_own(field->id))
			return ERROR_SYNTAX;
		rc = write_field(out, field->name, field->value);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void write_length(struct writer *out, uint64_t length)
{
	writer_text(out, "Content-Length: ");
	writer_decimal(out, length);
	writer_text(out, "\r\n");
}

static void write_framing(struct writer *out, enum h1_framing framing, uint64_t length)
{
	if (framing == H1_FRAME_LENGTH)
		write_length(out, length);
	else if (framing == H1_FRAME_CHUNKED)
		writer_text(out, "Transfer-Encoding: chunked\r\n");
}

static bool is_target_text(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c <= 0x20 || c >= 0x7f)
			return false;
	}
	return true;
}

/* Nothing else is a reason to change the protocol; it ends the use of the connection for HTTP. */
static void write_upgrade(struct writer *out)
{
	writer_text(out, "Upgrade: websocket\r\nConnection: Upgrade\r\n");
}

static bool is_websocket(const struct http_message *message)
{
	return slice_equal(message->upgrade, SLICE_LITERAL("websocket"));
}

static int finish(struct writer *out, int rc, int framing)
{
	writer_text(out, "\r\n");
	if (rc < 0)
		return rc;
	return out->error ? out->error : framing;
}

int h1_write_request(struct writer *out, const struct http_message *message, struct slice path,
		     bool close)
{
	char authority[HOST_AUTHORITY_MAX + 1];
	size_t length = host_format_authority(&message->host, message->port,
					      policy_scheme_port(message->scheme), authority);
	enum h1_framing framing = H1_FRAME_NONE;

	if (!http_is_token(message->method) || path.len == 0 || !is_target_text(path) ||
	    !is_target_text(message->query))
		return ERROR_SYNTAX;
	if (message->body == HTTP_BODY_SIZED)
		framing = H1_FRAME_LENGTH;
	else if (message->body == HTTP_BODY_STREAM)
		framing = H1_FRAME_CHUNKED;
	writer_bytes(out, message->method);
	writer_text(out, " ");
	writer_bytes(out, path);
	writer_bytes(out, message->query);
	writer_text(out, " HTTP/1.1\r\nHost: ");
	writer_bytes(out, slice_of(authority, length));
	writer_text(out, "\r\n");
	write_framing(out, framing, message->body_bytes);
	if (message->expect_continue)
		writer_text(out, "Expect: 100-continue\r\n");
	if (is_websocket(message))
		write_upgrade(out);
	else if (message->te_trailers)
		writer_text(out, close ? "TE: trailers\r\nConnection: TE, close\r\n"
				       : "TE: trailers\r\nConnection: TE\r\n");
	else if (close)
		writer_text(out, "Connection: close\r\n");
	return finish(out, write_fields(out, &message->fields), (int)framing);
}

static enum h1_framing response_framing(const struct http_message *message, uint8_t minor)
{
	if (message->body == HTTP_BODY_SIZED)
		return H1_FRAME_LENGTH;
	if (message->body == HTTP_BODY_NONE || message->bodiless)
		return H1_FRAME_NONE;
	return minor == 0 ? H1_FRAME_CLOSE : H1_FRAME_CHUNKED;
}

int h1_write_response(struct writer *out, const struct http_message *message, uint8_t minor,
		      bool close)
{
	enum h1_framing framing = response_framing(message, minor);

	if (message->status < 100 || message->status > 599)
		return ERROR_SYNTAX;
	writer_text(out, "HTTP/1.1 ");
	writer_decimal(out, (uint64_t)message->status);
	writer_text(out, " ");
	writer_text(out, http_reason_phrase(message->status));
	writer_text(out, "\r\n");
	write_framing(out, framing, message->body_bytes);
	if (message->status == 101 && is_websocket(message))
		write_upgrade(out);
	else if (close || framing == H1_FRAME_CLOSE)
		writer_text(out, "Connection: close\r\n");
	return finish(out, write_fields(out, &message->fields), (int)framing);
}

size_t h1_write_chunk_size(size_t len, char text[H1_CHUNK_OVERHEAD_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0, shift = 60;

	while (shift && !(len >> shift))
		shift -= 4;
	for (;; shift -= 4) {
		text[used++] = digits[len >> shift & 15];
		if (shift == 0)
			break;
	}
	text[used++] = '\r';
	text[used++] = '\n';
	return used;
}

int h1_write_last_chunk(struct writer *out, const struct http_fields *fields)
{
	int rc = 0;

	writer_text(out, "0\r\n");
	for (size_t i = 0; fields && i < fields->count && rc == 0; i++) {
		if (!http_may_be_trailer(&fields->list[i]))
			rc = ERROR_SYNTAX;
		else
			rc = write_field(out, fields->list[i].name, fields->list[i].value);
	}
	return finish(out, rc, 0);
}
