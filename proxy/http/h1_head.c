#include "proxy/http/h1_head.h"

#include "base/error.h"

static int refuse(struct h1_fault *fault, int status, const char *text)
{
	fault->status = status;
	fault->text = text;
	return ERROR_SYNTAX;
}

ssize_t h1_head_find_end(struct slice bytes, size_t *scanned, struct h1_fault *fault)
{
	size_t at = *scanned;

	for (;;) {
		const char *newline = at < bytes.len ? memchr(bytes.ptr + at, '\n', bytes.len - at)
						     : NULL;
		size_t end;

		if (!newline)
			break;
		end = (size_t)(newline - bytes.ptr) + 1;
		if (end < 2 || bytes.ptr[end - 2] != '\r')
			return refuse(fault, 400, "a line ends in a bare LF");
		if (end == 2)
			return refuse(fault, 400, "an empty line before the first line");
		if (end > HTTP_HEAD_MAX_BYTES)
			break;
		if (end >= 4 && memcmp(bytes.ptr + end - 4, "\r\n\r\n", 4) == 0)
			return (ssize_t)end;
		at = end;
	}
	*scanned = at;
	if (bytes.len < HTTP_HEAD_MAX_BYTES)
		return ERROR_INCOMPLETE;
	fault->status = 431;
	fault->text = "the header section is larger than 64 KiB";
	return ERROR_LIMIT;
}

/* Cuts the next line off REST, without its CRLF. The delimiter has seen to it that every LF follows
 * a CR. */
static bool next_line(struct slice *rest, struct slice *line)
{
	size_t end = slice_find_char(*rest, '\n');

	if (end == rest->len || end == 0)
		return false;
	*line = slice_first(*rest, end - 1);
	*rest = slice_from(*rest, end + 1);
	return true;
}

/* "Content_Length" is Content-Length to a server that hands fields to a CGI environment. */
static bool is_disguised(struct slice name)
{
	char plain[32];

	if (name.len > sizeof(plain) || slice_find_char(name, '_') == name.len)
		return false;
	for (size_t i = 0; i < name.len; i++)
		plain[i] = name.ptr[i] == '_' ? '-' : name.ptr[i];
	return http_field_identify(slice_of(plain, name.len)) != FIELD_OTHER;
}

static int parse_field(struct slice line, struct slice *name, struct slice *value,
		       struct h1_fault *fault)
{
	size_t colon = slice_find_char(line, ':');

	if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
		return refuse(fault, 400, "a field is folded over lines");
	if (colon == line.len)
		return refuse(fault, 400, "a field without a colon");
	*name = slice_first(line, colon);
	*value = slice_trim(slice_from(line, colon + 1));
	if (!http_is_token(*name))
		return refuse(fault, 400, "a field name that is not a token");
	if (!http_is_field_value(*value))
		return refuse(fault, 400, "a control character in a field value");
	if (is_disguised(*name))
		return refuse(fault, 400, "an underscore in the name of a field that matters");
	return 0;
}

static int parse_fields(struct slice lines, struct arena *arena, struct http_fields *fields,
			struct h1_fault *fault)
{
	struct slice line, name, value;

	while (next_line(&lines, &line)) {
		int rc;

		if (line.len == 0)
			break;
		rc = parse_field(line, &name, &value, fault);
		if (rc < 0)
			return rc;
		rc = http_fields_add(fields, arena, name, value);
		if (rc == ERROR_LIMIT)
			return refuse(fault, 431, "more than 128 fields");
		if (rc < 0)
			return rc;
	}
	return lines.len == 0 ? 0 : refuse(fault, 400, "the header section is not well-formed");
}

int h1_parse_trailers(struct slice section, struct arena *arena, struct http_fields *fields,
		      struct h1_fault *fault)
{
	int rc = parse_fields(section, arena, fields, fault);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < fields->count; i++) {
		if (!http_may_be_trailer(&fields->list[i]))
			return refuse(fault, 400, "a trailer that may not be one");
	}
	return 0;
}

/* What the fields of one hop say. */
struct hop {
	bool close;
	bool keep_alive;
	bool upgrade;
	bool te_trailers;
};

static bool is_protected(const struct http_field *field)
{
	static const struct slice names[] = {
		SLICE_LITERAL("cache-control"), SLICE_LITERAL("content-range"),
		SLICE_LITERAL("content-type"),	SLICE_LITERAL("date"),
		SLICE_LITERAL("etag"),		SLICE_LITERAL("location"),
		SLICE_LITERAL("origin"),	SLICE_LITERAL("range"),
		SLICE_LITERAL("referer"),	SLICE_LITERAL("user-agent"),
	};

	if (field->id != FIELD_OTHER)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_equal_nocase(field->name, names[i]))
			return true;
	}
	return false;
}

/* Takes out the fields that a Connection option names, but for those whose loss would change what
 * the request means (threat P19). */
static void remove_named(struct http_fields *fields, struct slice option)
{
	for (size_t i = 0; i < fields->count; i++) {
		if (!slice_equal_nocase(fields->list[i].name, option))
			continue;
		if (!is_protected(&fields->list[i]))
			http_fields_remove_name(fields, option);
		return;
	}
}

static int read_connection(struct http_fields *fields, struct slice value, struct hop *hop,
			   struct h1_fault *fault)
{
	struct slice option;

	while (slice_next_part(&value, ',', &option)) {
		option = slice_trim(option);
		if (option.len == 0)
			continue;
		if (!http_is_token(option))
			return refuse(fault, 400,
				      "a Connection field that is not a list of tokens");
		if (slice_equal_nocase(option, SLICE_LITERAL("close")))
			hop->close = true;
		else if (slice_equal_nocase(option, SLICE_LITERAL("keep-alive")))
			hop->keep_alive = true;
		else if (slice_equal_nocase(option, SLICE_LITERAL("upgrade")))
			hop->upgrade = true;
		else
			remove_named(fields, option);
	}
	return 0;
}

static void read_te(struct slice value, struct hop *hop)
{
	struct slice coding;

	while (slice_next_part(&value, ',', &coding)) {
		if (slice_equal_nocase(slice_trim(coding), SLICE_LITERAL("trailers")))
			hop->te_trailers = true;
	}
}

static const uint64_t hop_fields = HTTP_FIELD_BIT(FIELD_CONNECTION) |
				   HTTP_FIELD_BIT(FIELD_HTTP2_SETTINGS) |
				   HTTP_FIELD_BIT(FIELD_KEEP_ALIVE) |
				   HTTP_FIELD_BIT(FIELD_PROXY_AUTHENTICATE) |
				   HTTP_FIELD_BIT(FIELD_TE) |
				   HTTP_FIELD_BIT(FIELD_PROXY_AUTHORIZATION) |
				   HTTP_FIELD_BIT(FIELD_PROXY_CONNECTION) |
				   HTTP_FIELD_BIT(FIELD_UPGRADE);

static int take_hop_fields(struct http_fields *fields, struct hop *hop, struct h1_fault *fault)
{
	struct http_field connections[8];
	size_t count = 0;

	for (size_t i = 0; i < fields->count; i++) {
		const struct http_field *field = &fields->list[i];

		if (field->id == FIELD_TE)
			read_te(field->value, hop);
		if (field->id != FIELD_CONNECTION)
			continue;
		if (count == sizeof(connections) / sizeof(connections[0]))
			return refuse(fault, 400, "too many Connection fields");
		connections[count++] = *field;
	}
	for (size_t i = 0; i < count; i++) {
		int rc = read_connection(fields, connections[i].value, hop, fault);

		if (rc < 0)
			return rc;
	}
	http_fields_remove_any(fields, hop_fields);
	return 0;
}

/* The only field with ID, NULL if there is none, a fault if there are several. */
static int find_single(const struct http_fields *fields, enum http_field_id id,
		       const struct http_field **found, const char *repeated,
		       struct h1_fault *fault)
{
	*found = NULL;
	for (size_t i = 0; i < fields->count; i++) {
		if (fields->list[i].id != id)
			continue;
		if (*found)
			return refuse(fault, 400, repeated);
		*found = &fields->list[i];
	}
	return 0;
}

/* RFC 9112 section 6.3, less everything that it leaves to taste. */
static int read_framing(struct http_message *message, struct h1_fault *fault)
{
	const struct http_field *coding, *length;
	int rc = find_single(&message->fields, FIELD_TRANSFER_ENCODING, &coding,
			     "more than one Transfer-Encoding", fault);

	if (rc == 0)
		rc = find_single(&message->fields, FIELD_CONTENT_LENGTH, &length,
				 "more than one Content-Length", fault);
	if (rc < 0)
		return rc;
	message->body = HTTP_BODY_NONE;
	if (coding && length)
		return refuse(fault, 400, "Content-Length together with Transfer-Encoding");
	if (coding) {
		if (message->minor_version == 0)
			return refuse(fault, 400, "Transfer-Encoding in HTTP/1.0");
		if (!slice_equal_nocase(coding->value, SLICE_LITERAL("chunked")))
			return refuse(fault, 501, "a Transfer-Encoding other than chunked");
		message->body = HTTP_BODY_STREAM;
		message->chunked = true;
		http_fields_remove(&message->fields, FIELD_TRANSFER_ENCODING);
	} else if (length) {
		if (slice_to_u64(length->value, INT64_MAX, &message->body_bytes) < 0)
			return refuse(fault, 400, "a Content-Length that is not a plain number");
		message->body = HTTP_BODY_SIZED;
		http_fields_remove(&message->fields, FIELD_CONTENT_LENGTH);
	}
	return 0;
}

static int parse_version(struct slice text, uint8_t *minor, struct h1_fault *fault)
{
	if (slice_equal(text, SLICE_LITERAL("HTTP/1.1")))
		*minor = 1;
	else if (slice_equal(text, SLICE_LITERAL("HTTP/1.0")))
		*minor = 0;
	else if (text.len == 8 && slice_starts_with(text, SLICE_LITERAL("HTTP/")) &&
		 ascii_is_digit(text.ptr[5]) && text.ptr[6] == '.' && ascii_is_digit(text.ptr[7]))
		return refuse(fault, 505, "an HTTP version other than 1.0 and 1.1");
	else
		return refuse(fault, 400, "a first line that does not end in an HTTP version");
	return 0;
}

static bool is_target_text(struct slice target)
{
	for (size_t i = 0; i < target.len; i++) {
		unsigned char c = (unsigned char)target.ptr[i];

		if (c <= 0x20 || c >= 0x7f || c == '#')
			return false;
	}
	return target.len > 0;
}

static void split_path(struct slice target, struct http_message *message)
{
	size_t mark = slice_find_char(target, '?');

	message->path = slice_first(target, mark);
	message->query = slice_from(target, mark);
}

/* absolute-form (RFC 9112 section 3.2.2); the authority must be that of Host, which is checked
 * later. */
static int parse_absolute_form(struct slice target, struct http_message *message,
			       struct slice *authority, struct h1_fault *fault)
{
	const char *scheme = policy_scheme_name(message->scheme);
	size_t scheme_len = strlen(scheme), end;
	struct slice rest;

	if (!slice_starts_with_nocase(target, slice_of(scheme, scheme_len)) ||
	    !slice_starts_with(slice_from(target, scheme_len), SLICE_LITERAL("://")))
		return refuse(fault, 400, "a request target of another scheme, or of none");
	rest = slice_from(target, scheme_len + 3);
	for (end = 0; end < rest.len; end++) {
		if (rest.ptr[end] == '/' || rest.ptr[end] == '?')
			break;
	}
	*authority = slice_first(rest, end);
	if (end == 0)
		return refuse(fault, 400, "a request target without an authority");
	split_path(slice_from(rest, end), message);
	if (message->path.len == 0)
		message->path = SLICE_LITERAL("/");
	return 0;
}

static int parse_target(struct slice target, struct http_message *message, struct slice *authority,
			struct h1_fault *fault)
{
	*authority = SLICE_EMPTY;
	if (target.len > HTTP_TARGET_MAX_BYTES)
		return refuse(fault, 414, "a request target of more than 16 KiB");
	if (!is_target_text(target))
		return refuse(fault, 400, "a request target with bytes that may not be in one");
	if (slice_equal(message->method, SLICE_LITERAL("CONNECT")))
		return refuse(fault, 405, "CONNECT, where there is already a tunnel");
	if (target.ptr[0] == '/') {
		split_path(target, message);
		return 0;
	}
	if (slice_equal(target, SLICE_LITERAL("*"))) {
		if (!slice_equal(message->method, SLICE_LITERAL("OPTIONS")))
			return refuse(fault, 400, "the target * with a method other than OPTIONS");
		message->path = target;
		message->query = SLICE_EMPTY;
		return 0;
	}
	return parse_absolute_form(target, message, authority, fault);
}

static int parse_request_line(struct slice line, struct http_message *message,
			      struct slice *authority, struct h1_fault *fault)
{
	size_t first = slice_find_char(line, ' ');
	struct slice rest = slice_from(line, first + 1);
	size_t second = slice_find_char(rest, ' ');
	int rc;

	message->method = slice_first(line, first);
	if (!http_is_token(message->method))
		return refuse(fault, 400, "a request line that does not begin with a method");
	if (second == rest.len)
		return refuse(fault, 400, "a request line that is not METHOD TARGET VERSION");
	rc = parse_version(slice_from(rest, second + 1), &message->minor_version, fault);
	if (rc < 0)
		return rc;
	return parse_target(slice_first(rest, second), message, authority, fault);
}

static int read_host(struct http_message *message, struct slice absolute, struct h1_fault *fault)
{
	uint16_t default_port = policy_scheme_port(message->scheme), target_port;
	const struct http_field *field;
	struct host target;
	int rc = find_single(&message->fields, FIELD_HOST, &field, "more than one Host", fault);

	if (rc < 0)
		return rc;
	if (!field && message->minor_version == 0 && absolute.len == 0)
		return refuse(fault, 400, "no Host, so that the authority is not known");
	if (!field && message->minor_version == 1)
		return refuse(fault, 400, "no Host");
	if (field &&
	    host_parse_authority(field->value, default_port, &message->host, &message->port) < 0)
		return refuse(fault, 400, "a Host that is not a host name with a port");
	if (absolute.len) {
		if (host_parse_authority(absolute, default_port, &target, &target_port) < 0)
			return refuse(fault, 400, "a request target with a malformed authority");
		if (field && (!host_equal(&target, &message->host) || target_port != message->port))
			return refuse(fault, 400, "a request target that differs from Host");
		message->host = target;
		message->port = target_port;
	}
	http_fields_remove(&message->fields, FIELD_HOST);
	return 0;
}

static int read_expect(struct http_message *message, struct h1_fault *fault)
{
	const struct http_field *field;
	int rc = find_single(&message->fields, FIELD_EXPECT, &field, "more than one Expect", fault);

	if (rc < 0 || !field)
		return rc;
	if (!slice_equal_nocase(field->value, SLICE_LITERAL("100-continue")))
		return refuse(fault, 417, "an expectation other than 100-continue");
	message->expect_continue = message->minor_version > 0;
	http_fields_remove(&message->fields, FIELD_EXPECT);
	return 0;
}

static int read_request_fields(struct http_message *message, struct slice absolute,
			       struct h1_fault *fault)
{
	const struct http_field *field;
	struct slice upgrade = SLICE_EMPTY;
	struct hop hop = {0};
	int rc = find_single(&message->fields, FIELD_AUTHORIZATION, &field,
			     "more than one Authorization", fault);

	if (rc == 0)
		rc = read_host(message, absolute, fault);
	if (rc == 0)
		rc = read_framing(message, fault);
	if (rc == 0)
		rc = read_expect(message, fault);
	if (rc == 0)
		rc = find_single(&message->fields, FIELD_UPGRADE, &field, "more than one Upgrade",
				 fault);
	if (rc < 0)
		return rc;
	if (field)
		upgrade = field->value;
	rc = take_hop_fields(&message->fields, &hop, fault);
	/* Without the Connection option, Upgrade says nothing (RFC 9110 section 7.8). */
	if (hop.upgrade)
		message->upgrade = upgrade;
	message->close = hop.close || message->minor_version == 0;
	message->te_trailers = hop.te_trailers;
	return rc;
}

int h1_parse_request(struct slice head, enum policy_scheme scheme, struct http_message *message,
		     struct h1_fault *fault)
{
	struct slice line, absolute;
	int rc;

	message->scheme = scheme;
	if (!next_line(&head, &line))
		return refuse(fault, 400, "no request line");
	rc = parse_request_line(line, message, &absolute, fault);
	if (rc == 0)
		rc = parse_fields(head, message->arena, &message->fields, fault);
	if (rc == 0)
		rc = read_request_fields(message, absolute, fault);
	return rc;
}

static int parse_status_line(struct slice line, struct http_message *message,
			     struct h1_fault *fault)
{
	uint64_t status;
	int rc;

	if (line.len < 12 || line.ptr[8] != ' ' || (line.len > 12 && line.ptr[12] != ' '))
		return refuse(fault, 502, "a status line that is not VERSION STATUS REASON");
	rc = parse_version(slice_first(line, 8), &message->minor_version, fault);
	if (rc < 0)
		return rc;
	if (slice_to_u64(slice_first(slice_from(line, 9), 3), 999, &status) < 0 || status < 100 ||
	    status > 599)
		return refuse(fault, 502, "a status that is not from 100 to 599");
	if (!http_is_field_value(slice_from(line, 13)))
		return refuse(fault, 502, "a control character in the status line");
	message->status = (int)status;
	return 0;
}

/* The body of a response (RFC 9112 section 6.3), and whether it may tell a length (RFC 9110
 * section 8.6). A Content-Length of 0 on a 204 breaks that rule, is common, and can be read in one
 * way only. */
static int read_response_body(struct http_message *message, struct slice method,
			      struct h1_fault *fault)
{
	bool may_tell_length = message->status == 304 ||
			       (message->status >= 200 && message->status != 204);
	int rc = read_framing(message, fault);

	if (rc < 0)
		return rc;
	message->bodiless = http_response_is_bodiless(message->status, method);
	if (!message->bodiless && message->body == HTTP_BODY_NONE) {
		message->body = HTTP_BODY_STREAM;
		message->close = true;
		return 0;
	}
	if (!message->bodiless)
		return 0;
	if (message->chunked && !may_tell_length)
		return refuse(fault, 502, "a Transfer-Encoding on a response without a body");
	if (message->body == HTTP_BODY_SIZED && !may_tell_length) {
		if (message->body_bytes > 0 || message->status < 200)
			return refuse(fault, 502, "a Content-Length on a response without a body");
		message->body = HTTP_BODY_NONE;
	}
	if (message->body == HTTP_BODY_STREAM)
		message->body = HTTP_BODY_NONE;
	return 0;
}

int h1_parse_response(struct slice head, struct slice method, struct http_message *message,
		      struct h1_fault *fault)
{
	const struct http_field *upgrade = NULL;
	struct hop hop = {0};
	struct slice line, protocol;
	bool until_close;
	int rc;

	if (!next_line(&head, &line))
		return refuse(fault, 502, "no status line");
	rc = parse_status_line(line, message, fault);
	if (rc == 0)
		rc = parse_fields(head, message->arena, &message->fields, fault);
	if (rc == 0)
		rc = read_response_body(message, method, fault);
	if (rc < 0)
		return rc;
	/* It means nothing in a response, and is for the writer to make. */
	http_fields_remove(&message->fields, FIELD_HOST);
	/* Elsewhere it only tells what could be had (RFC 9110 section 7.8). */
	if (message->status == 101)
		rc = find_single(&message->fields, FIELD_UPGRADE, &upgrade, "more than one Upgrade",
				 fault);
	if (rc < 0)
		return rc;
	protocol = upgrade ? upgrade->value : SLICE_EMPTY;
	until_close = message->close;
	rc = take_hop_fields(&message->fields, &hop, fault);
	if (hop.upgrade)
		message->upgrade = protocol;
	message->close = until_close || hop.close ||
			 (message->minor_version == 0 && !hop.keep_alive);
	return rc;
}
