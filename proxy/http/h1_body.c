#include "proxy/http/h1_body.h"

#include "base/error.h"

enum {
	SIZE_DIGITS_MAX = 15, /* less than 2^60 */
	EXTENSION_MAX_BYTES = 256,
};

static int refuse(struct h1_fault *fault, const char *text)
{
	fault->status = 400;
	fault->text = text;
	return ERROR_SYNTAX;
}

void h1_body_init(struct h1_body *body, const struct http_message *message)
{
	*body = (struct h1_body){.state = H1_BODY_DONE, .arena = message->arena};
	buffer_init(&body->trailers, HTTP_TRAILER_MAX_BYTES);
	if (message->bodiless || message->body == HTTP_BODY_NONE)
		return;
	if (message->body == HTTP_BODY_SIZED) {
		body->left = message->body_bytes;
		if (body->left)
			body->state = H1_BODY_SIZED;
	} else {
		body->state = message->chunked ? H1_BODY_CHUNK_SIZE : H1_BODY_CLOSE;
	}
}

void h1_body_free(struct h1_body *body)
{
	buffer_free(&body->trailers);
}

static int take_data(struct h1_body *body, struct slice *input, struct slice *data,
		     enum h1_body_state after)
{
	*data = slice_first(*input, body->left < input->len ? (size_t)body->left : input->len);
	*input = slice_from(*input, data->len);
	body->left -= data->len;
	if (body->left == 0)
		body->state = after;
	return H1_BODY_DATA;
}

static int read_size_digit(struct h1_body *body, char c, struct h1_fault *fault)
{
	int digit = ascii_hex_value(c);

	if (digit >= 0) {
		if (++body->digits > SIZE_DIGITS_MAX)
			return refuse(fault, "a chunk size that is too large");
		body->left = body->left << 4 | (unsigned int)digit;
		return 0;
	}
	if (body->digits == 0)
		return refuse(fault, "a chunk without a size");
	if (c == '\r')
		body->state = H1_BODY_CHUNK_SIZE_LF;
	else if (c == ';')
		body->state = H1_BODY_CHUNK_EXTENSION;
	else
		return refuse(fault, "a chunk size that is not plain hexadecimal digits");
	return 0;
}

static bool is_extension_char(unsigned char c)
{
	return http_is_token_char(c) || c == '=' || c == ';' || c == ' ' || c == '\t';
}

static int read_extension_char(struct h1_body *body, char c, struct h1_fault *fault)
{
	bool is_control = ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;

	if (++body->extension > EXTENSION_MAX_BYTES)
		return refuse(fault, "a chunk extension of more than 256 bytes");
	switch (body->state) {
	case H1_BODY_CHUNK_QUOTED_ESCAPE:
		body->state = H1_BODY_CHUNK_QUOTED;
		break;
	case H1_BODY_CHUNK_QUOTED:
		if (c == '\\')
			body->state = H1_BODY_CHUNK_QUOTED_ESCAPE;
		else if (c == '"')
			body->state = H1_BODY_CHUNK_EXTENSION;
		break;
	default:
		if (c == '\r' && body->extension > 1)
			body->state = H1_BODY_CHUNK_SIZE_LF;
		else if (c == '"')
			body->state = H1_BODY_CHUNK_QUOTED;
		else if (!is_extension_char((unsigned char)c))
			return refuse(fault, "a malformed chunk extension");
		return 0;
	}
	return is_control ? refuse(fault, "a control character in a chunk extension") : 0;
}

static void begin_chunk(struct h1_body *body)
{
	body->state = body->left ? H1_BODY_CHUNK_DATA : H1_BODY_TRAILER;
	body->digits = 0;
	body->extension = 0;
}

/* One byte of what stands between the data of two chunks. */
static int read_frame_char(struct h1_body *body, char c, struct h1_fault *fault)
{
	switch (body->state) {
	case H1_BODY_CHUNK_SIZE:
		return read_size_digit(body, c, fault);
	case H1_BODY_CHUNK_EXTENSION:
	case H1_BODY_CHUNK_QUOTED:
	case H1_BODY_CHUNK_QUOTED_ESCAPE:
		return read_extension_char(body, c, fault);
	case H1_BODY_CHUNK_SIZE_LF:
		if (c != '\n')
			return refuse(fault, "a chunk size line that does not end in CRLF");
		begin_chunk(body);
		return 0;
	case H1_BODY_CHUNK_DATA_CR:
		if (c != '\r')
			return refuse(fault, "a chunk that is longer than its size");
		body->state = H1_BODY_CHUNK_DATA_LF;
		return 0;
	default:
		if (c != '\n')
			return refuse(fault, "a chunk that does not end in CRLF");
		body->state = H1_BODY_CHUNK_SIZE;
		return 0;
	}
}

static bool section_is_whole(struct slice section)
{
	return slice_equal(section, SLICE_LITERAL("\r\n")) ||
	       slice_ends_with(section, SLICE_LITERAL("\r\n\r\n"));
}

static int keep_trailers(struct h1_body *body, struct slice section, struct h1_fault *fault)
{
	struct slice copy;

	if (!body->arena)
		return 0;
	copy = arena_copy(body->arena, section);
	if (!copy.ptr)
		return -ENOMEM;
	return h1_parse_trailers(copy, body->arena, &body->trailer_fields, fault);
}

/* The trailer section is collected by lines and parsed when its empty line has come. */
static int read_trailers(struct h1_body *body, struct slice *input, struct h1_fault *fault)
{
	while (input->len) {
		size_t end = slice_find_char(*input, '\n');
		struct slice line = slice_first(*input, end + 1), section;
		int rc = buffer_append(&body->trailers, line);

		if (rc == ERROR_LIMIT)
			return refuse(fault, "a trailer section of more than 8 KiB");
		if (rc < 0)
			return rc;
		*input = slice_from(*input, line.len);
		section = buffer_slice(&body->trailers);
		if (section.ptr[section.len - 1] != '\n')
			return H1_BODY_MORE;
		if (section.len < 2 || section.ptr[section.len - 2] != '\r')
			return refuse(fault, "a trailer line that ends in a bare LF");
		if (!section_is_whole(section))
			continue;
		rc = keep_trailers(body, section, fault);
		if (rc < 0)
			return rc;
		buffer_free(&body->trailers);
		body->state = H1_BODY_DONE;
		return H1_BODY_END;
	}
	return H1_BODY_MORE;
}

int h1_body_feed(struct h1_body *body, struct slice *input, struct slice *data,
		 struct h1_fault *fault)
{
	for (;;) {
		int rc;

		if (body->state == H1_BODY_DONE)
			return H1_BODY_END;
		if (input->len == 0)
			return H1_BODY_MORE;
		switch (body->state) {
		case H1_BODY_SIZED:
			return take_data(body, input, data, H1_BODY_DONE);
		case H1_BODY_CHUNK_DATA:
			return take_data(body, input, data, H1_BODY_CHUNK_DATA_CR);
		case H1_BODY_CLOSE:
			*data = *input;
			*input = slice_from(*input, input->len);
			return H1_BODY_DATA;
		case H1_BODY_TRAILER:
			return read_trailers(body, input, fault);
		default:
			rc = read_frame_char(body, input->ptr[0], fault);
			if (rc < 0)
				return rc;
			*input = slice_from(*input, 1);
		}
	}
}

int h1_body_eof(struct h1_body *body)
{
	if (body->state != H1_BODY_CLOSE && body->state != H1_BODY_DONE)
		return ERROR_TRUNCATED;
	body->state = H1_BODY_DONE;
	return H1_BODY_END;
}
