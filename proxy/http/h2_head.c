#include "proxy/http/h2_head.h"

#include "base/cursor.h"
#include "base/error.h"

static int refuse(struct h2_head *head, int status, const char *fault)
{
	if (!head->fault) {
		head->fault = fault;
		head->status_for_fault = status;
	}
	return ERROR_SYNTAX;
}

void h2_head_init(struct h2_head *head, struct http_message *message, bool is_request)
{
	*head = (struct h2_head){.message = message, .is_request = is_request};
	message->minor_version = 1;
	message->is_h2 = true;
}

void h2_head_begin_trailers(struct h2_head *head)
{
	head->is_trailer = true;
	head->saw_regular = true;
	head->bytes = 0;
}

static bool is_lower_token(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
			return false;
	}
	return http_is_token(name);
}

static bool has_spaced_end(struct slice value)
{
	return slice_trim(value).len < value.len;
}

/* Where the value of a pseudo-field goes, or NULL when there is no such one. */
static struct slice *find_pseudo(struct h2_head *head, struct slice name)
{
	const struct {
		struct slice name;
		struct slice *place;
		bool of_request;
	} known[] = {
		{SLICE_LITERAL(":method"), &head->method, true},
		{SLICE_LITERAL(":scheme"), &head->scheme, true},
		{SLICE_LITERAL(":authority"), &head->authority, true},
		{SLICE_LITERAL(":path"), &head->path, true},
		{SLICE_LITERAL(":protocol"), &head->protocol, true},
		{SLICE_LITERAL(":status"), &head->status, false},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].of_request == head->is_request && slice_equal(known[i].name, name))
			return known[i].place;
	}
	return NULL;
}

static int add_pseudo(struct h2_head *head, struct slice name, struct slice value)
{
	struct slice *place = find_pseudo(head, name);

	if (head->saw_regular)
		return refuse(head, 400, "a pseudo-field behind other fields");
	if (!place)
		return refuse(head, 400, "an unknown pseudo-field");
	if (place->ptr)
		return refuse(head, 400, "a pseudo-field twice");
	*place = value;
	return 0;
}

static bool is_of_one_hop(enum http_field_id id)
{
	return id == FIELD_CONNECTION || id == FIELD_KEEP_ALIVE || id == FIELD_PROXY_CONNECTION ||
	       id == FIELD_TRANSFER_ENCODING || id == FIELD_UPGRADE || id == FIELD_HTTP2_SETTINGS;
}

/* Room for LEN more bytes of the cookie. */
static bool make_room_for_crumb(struct h2_head *head, size_t len)
{
	size_t room = 2 * (head->cookie_length + len);
	char *larger;

	if (head->cookie_length + len <= head->cookie_room)
		return true;
	/* By doubling: the arena does not take back what was too small. */
	larger = arena_alloc_bytes(head->message->arena, room);
	if (!larger)
		return false;
	if (head->cookie_length)
		memcpy(larger, head->cookie, head->cookie_length);
	head->cookie = larger;
	head->cookie_room = room;
	return true;
}

/* Crumbs of a cookie are joined where they would otherwise be fields of their own. */
static int add_cookie(struct h2_head *head, struct slice value)
{
	struct http_message *message = head->message;
	struct slice glue = head->has_cookie ? SLICE_LITERAL("; ") : SLICE_EMPTY;
	struct http_field *field;
	int rc;

	if (!head->has_cookie) {
		rc = http_fields_add(&message->fields, message->arena, SLICE_LITERAL("cookie"),
				     SLICE_EMPTY);
		if (rc < 0)
			return rc;
	}
	head->has_cookie = true;
	if (!make_room_for_crumb(head, glue.len + value.len))
		return -ENOMEM;
	if (glue.len)
		memcpy(head->cookie + head->cookie_length, glue.ptr, glue.len);
	if (value.len)
		memcpy(head->cookie + head->cookie_length + glue.len, value.ptr, value.len);
	head->cookie_length += glue.len + value.len;
	field = (struct http_field *)(uintptr_t)http_fields_find(&message->fields, FIELD_COOKIE);
	field->value = slice_of(head->cookie, head->cookie_length);
	return 0;
}

static int add_regular(struct h2_head *head, struct slice name, struct slice value)
{
	struct http_message *message = head->message;
	enum http_field_id id = http_field_identify(name);
	struct http_fields *fields = head->is_trailer ? &head->trailers : &message->fields;
	int rc;

	head->saw_regular = true;
	if (!is_lower_token(name))
		return refuse(head, 400, "a field name that is not a lower-case token");
	if (!http_is_field_value(value) || has_spaced_end(value))
		return refuse(head, 400, "a field value with a byte that may not be in one");
	if (is_of_one_hop(id))
		return refuse(head, 400, "a field of one connection, in HTTP/2");
	if (id == FIELD_TE && head->is_request && !head->is_trailer) {
		if (!slice_equal_nocase(value, SLICE_LITERAL("trailers")))
			return refuse(head, 400, "te with something else than trailers");
		message->te_trailers = true;
		return 0;
	}
	if (id == FIELD_COOKIE && head->is_request && !head->is_trailer)
		rc = add_cookie(head, value);
	else
		rc = http_fields_add(fields, message->arena, name, value);
	if (rc == ERROR_LIMIT)
		return refuse(head, 431, "more than 128 fields");
	return rc;
}

int h2_head_add(struct h2_head *head, struct slice name, struct slice value)
{
	size_t limit = head->is_trailer ? HTTP_TRAILER_MAX_BYTES : HTTP_HEAD_MAX_BYTES;
	int rc;

	if (head->fault)
		return 0;
	head->bytes += name.len + value.len + 4;
	if (head->bytes > limit) {
		refuse(head, 431, "the header section is too large");
		return 0;
	}
	name = arena_copy(head->message->arena, name);
	value = arena_copy(head->message->arena, value);
	if (!name.ptr || !value.ptr)
		return -ENOMEM;
	if (name.len && name.ptr[0] == ':')
		rc = add_pseudo(head, name, value);
	else
		rc = add_regular(head, name, value);
	return rc == -ENOMEM ? rc : 0;
}

static int count_fields(const struct http_fields *fields, enum http_field_id id,
			const struct http_field **found)
{
	int count = 0;

	*found = NULL;
	for (size_t i = 0; i < fields->count; i++) {
		if (fields->list[i].id == id) {
			*found = &fields->list[i];
			count++;
		}
	}
	return count;
}

static int read_length(struct h2_head *head, bool ends)
{
	struct http_message *message = head->message;
	const struct http_field *field;
	int count = count_fields(&message->fields, FIELD_CONTENT_LENGTH, &field);

	if (count > 1)
		return refuse(head, 400, "more than one Content-Length");
	message->body = ends ? HTTP_BODY_NONE : HTTP_BODY_STREAM;
	if (count == 0)
		return 0;
	if (slice_to_u64(field->value, INT64_MAX, &message->body_bytes) < 0)
		return refuse(head, 400, "a Content-Length that is not a plain number");
	if (ends && message->body_bytes > 0 && head->is_request)
		return refuse(head, 400, "a Content-Length without a body");
	message->body = HTTP_BODY_SIZED;
	http_fields_remove(&message->fields, FIELD_CONTENT_LENGTH);
	return 0;
}

static bool is_target_text(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c <= 0x20 || c >= 0x7f || c == '#')
			return false;
	}
	return text.len > 0 && text.len <= HTTP_TARGET_MAX_BYTES;
}

static int read_authority(struct h2_head *head)
{
	struct http_message *message = head->message;
	uint16_t default_port = policy_scheme_port(message->scheme), port;
	const struct http_field *field;
	struct host host;
	int count = count_fields(&message->fields, FIELD_HOST, &field);

	if (count > 1)
		return refuse(head, 400, "more than one Host");
	if (count == 0 && !head->authority.ptr)
		return refuse(head, 400, "neither :authority nor Host");
	if (count && host_parse_authority(field->value, default_port, &host, &port) < 0)
		return refuse(head, 400, "a Host that is not a host name with a port");
	if (!head->authority.ptr) {
		message->host = host;
		message->port = port;
	} else if (host_parse_authority(head->authority, default_port, &message->host,
					&message->port) < 0) {
		return refuse(head, 400, "an :authority that is not a host name with a port");
	} else if (count && (!host_equal(&host, &message->host) || port != message->port)) {
		return refuse(head, 400, "an :authority that differs from Host");
	}
	http_fields_remove(&message->fields, FIELD_HOST);
	return 0;
}

static int read_path(struct h2_head *head)
{
	struct http_message *message = head->message;
	size_t mark;

	if (!head->path.ptr || !is_target_text(head->path))
		return refuse(head, 400,
			      "a :path that is missing or has bytes that may not be in one");
	if (head->path.ptr[0] != '/' && !slice_equal(head->path, SLICE_LITERAL("*")))
		return refuse(head, 400, "a :path that does not begin with a slash");
	mark = slice_find_char(head->path, '?');
	message->path = slice_first(head->path, mark);
	message->query = slice_from(head->path, mark);
	return 0;
}

static int read_method(struct h2_head *head)
{
	struct http_message *message = head->message;

	if (!head->method.ptr || !http_is_token(head->method))
		return refuse(head, 400, "a :method that is missing or not a token");
	message->method = head->method;
	if (!slice_equal(head->method, SLICE_LITERAL("CONNECT"))) {
		if (head->protocol.ptr)
			return refuse(head, 400, ":protocol with a method other than CONNECT");
		return 0;
	}
	if (!head->protocol.ptr)
		return refuse(head, 405, "CONNECT, where there is already a tunnel");
	if (!slice_equal_nocase(head->protocol, SLICE_LITERAL("websocket")))
		return refuse(head, 501, "CONNECT for a protocol other than WebSocket");
	/* RFC 8441: what is GET and Upgrade in HTTP/1.1. */
	message->method = SLICE_LITERAL("GET");
	message->upgrade = head->protocol;
	return 0;
}

static int read_singles(struct h2_head *head)
{
	struct http_message *message = head->message;
	const struct http_field *field;

	if (count_fields(&message->fields, FIELD_AUTHORIZATION, &field) > 1)
		return refuse(head, 400, "more than one Authorization");
	if (count_fields(&message->fields, FIELD_EXPECT, &field) > 1)
		return refuse(head, 400, "more than one Expect");
	if (field && !slice_equal_nocase(field->value, SLICE_LITERAL("100-continue")))
		return refuse(head, 417, "an expectation other than 100-continue");
	message->expect_continue = field != NULL;
	http_fields_remove(&message->fields, FIELD_EXPECT);
	http_fields_remove(&message->fields, FIELD_PROXY_AUTHORIZATION);
	return 0;
}

int h2_head_finish_request(struct h2_head *head, enum policy_scheme scheme, bool ends)
{
	struct http_message *message = head->message;
	int rc = head->fault ? ERROR_SYNTAX : 0;

	message->scheme = scheme;
	if (rc == 0 &&
	    (!head->scheme.ptr ||
	     !slice_equal_nocase(head->scheme, slice_from_text(policy_scheme_name(scheme)))))
		rc = refuse(head, 400, "a :scheme that is not the connection's");
	if (rc == 0)
		rc = read_method(head);
	if (rc == 0)
		rc = read_path(head);
	if (rc == 0)
		rc = read_authority(head);
	if (rc == 0)
		rc = read_length(head, ends);
	if (rc == 0)
		rc = read_singles(head);
	return rc;
}

int h2_head_finish_response(struct h2_head *head, struct slice method, bool ends)
{
	struct http_message *message = head->message;
	uint64_t status;
	int rc;

	if (head->fault)
		return ERROR_SYNTAX;
	if (head->status.len != 3 || slice_to_u64(head->status, 599, &status) < 0 || status < 100)
		return refuse(head, 502, "a :status that is not from 100 to 599");
	message->status = (int)status;
	message->bodiless = http_response_is_bodiless(message->status, method) || ends;
	rc = read_length(head, ends);
	/* In HTTP/1.1 the next response would be taken for the body. */
	if (rc == 0 && ends && message->body == HTTP_BODY_SIZED && message->body_bytes > 0 &&
	    !http_response_is_bodiless(message->status, method))
		return refuse(head, 502, "a Content-Length without a body");
	if (rc == 0 && message->bodiless && message->body == HTTP_BODY_STREAM)
		message->body = HTTP_BODY_NONE;
	if (rc == 0 && message->body == HTTP_BODY_SIZED &&
	    (message->status < 200 || message->status == 204))
		message->body = HTTP_BODY_NONE;
	/* A whole response without a body, whose method and status would allow one: its length is
	 * known. */
	if (rc == 0 && ends && message->body == HTTP_BODY_NONE &&
	    !http_response_is_bodiless(message->status, method)) {
		message->body = HTTP_BODY_SIZED;
		message->body_bytes = 0;
		message->length_is_implied = true;
	}
	return rc;
}

int h2_head_finish_trailers(struct h2_head *head)
{
	if (head->fault)
		return ERROR_SYNTAX;
	for (size_t i = 0; i < head->trailers.count; i++) {
		if (!http_may_be_trailer(&head->trailers.list[i]))
			return refuse(head, 400, "a trailer that may not be one");
	}
	return 0;
}

static void put(nghttp2_nv *entry, struct slice name, struct slice value, bool hide)
{
	*entry = (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name.ptr,
		.value = (uint8_t *)(uintptr_t)value.ptr,
		.namelen = name.len,
		.valuelen = value.len,
		.flags = hide ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE,
	};
}

/* Copies of a request's fields would be in memory that is not locked. */
static ssize_t forbid_copies(nghttp2_nv list[H2_ENTRIES_MAX], ssize_t count)
{
	for (ssize_t i = 0; i < count; i++)
		list[i].flags |= NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
	return count;
}

/* What may be a credential is never put into a compression table, which would keep it (RFC 7541
 * section 7.1.3). */
static bool is_hidden(const struct http_field *field)
{
	return field->id == FIELD_AUTHORIZATION || field->id == FIELD_COOKIE ||
	       field->id == FIELD_SET_COOKIE || field->is_secret;
}

static bool is_forbidden(enum http_field_id id)
{
	return is_of_one_hop(id) || id == FIELD_HOST || id == FIELD_CONTENT_LENGTH ||
	       id == FIELD_PROXY_AUTHORIZATION;
}

static struct slice lower_case(struct slice name, struct arena *arena)
{
	char *lower;
	size_t i;

	for (i = 0; i < name.len; i++) {
		if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
			break;
	}
	if (i == name.len)
		return name;
	lower = arena_alloc_bytes(arena, name.len);
	for (i = 0; lower && i < name.len; i++)
		lower[i] = ascii_lower(name.ptr[i]);
	return slice_of(lower, name.len);
}

static ssize_t list_fields(const struct http_fields *fields, struct arena *arena,
			   nghttp2_nv list[H2_ENTRIES_MAX], size_t count)
{
	for (size_t i = 0; i < fields->count; i++) {
		const struct http_field *field = &fields->list[i];
		struct slice name = lower_case(field->name, arena);

		if (!name.ptr)
			return -ENOMEM;
		if (is_forbidden(field->id) || !http_is_token(name) ||
		    !http_is_field_value(field->value) || count == H2_ENTRIES_MAX)
			return ERROR_SYNTAX;
		put(&list[count++], name, slice_trim(field->value), is_hidden(field));
	}
	return (ssize_t)count;
}

static ssize_t put_length(const struct http_message *message, nghttp2_nv *entry)
{
	char *text = arena_alloc_bytes(message->arena, 24);
	struct writer w = writer_of(text, 24);

	if (!text)
		return -ENOMEM;
	writer_decimal(&w, message->body_bytes);
	put(entry, SLICE_LITERAL("content-length"), slice_of(text, writer_length(&w)), false);
	return 1;
}

static int join_target(const struct http_message *message, struct slice path, struct slice *target)
{
	char *joined;

	*target = path;
	if (message->query.len == 0)
		return 0;
	/* With a secret in it, it is in locked memory, and must be nowhere else. */
	if (message->query.ptr == path.ptr + path.len) {
		target->len += message->query.len;
		return 0;
	}
	if (message->target_is_secret)
		return ERROR_MISMATCH;
	joined = arena_alloc_bytes(message->arena, path.len + message->query.len);
	if (!joined)
		return -ENOMEM;
	memcpy(joined, path.ptr, path.len);
	memcpy(joined + path.len, message->query.ptr, message->query.len);
	*target = slice_of(joined, path.len + message->query.len);
	return 0;
}

ssize_t h2_list_request(const struct http_message *message, struct slice path,
			nghttp2_nv list[H2_ENTRIES_MAX])
{
	char *authority = arena_alloc_bytes(message->arena, HOST_AUTHORITY_MAX + 1);
	struct slice target;
	size_t count = 0, length;
	ssize_t rc;

	if (!authority)
		return -ENOMEM;
	rc = join_target(message, path, &target);
	if (rc < 0)
		return rc;
	if (!http_is_token(message->method) || !is_target_text(target))
		return ERROR_SYNTAX;
	length = host_format_authority(&message->host, message->port,
				       policy_scheme_port(message->scheme), authority);
	if (message->upgrade.len) {
		put(&list[count++], SLICE_LITERAL(":method"), SLICE_LITERAL("CONNECT"), false);
		put(&list[count++], SLICE_LITERAL(":protocol"), message->upgrade, false);
	} else {
		put(&list[count++], SLICE_LITERAL(":method"), message->method, false);
	}
	put(&list[count++], SLICE_LITERAL(":scheme"),
	    slice_from_text(policy_scheme_name(message->scheme)), false);
	put(&list[count++], SLICE_LITERAL(":authority"), slice_of(authority, length), false);
	put(&list[count++], SLICE_LITERAL(":path"), target, message->target_is_secret);
	if (message->body == HTTP_BODY_SIZED) {
		rc = put_length(message, &list[count]);
		if (rc < 0)
			return rc;
		count++;
	}
	if (message->te_trailers)
		put(&list[count++], SLICE_LITERAL("te"), SLICE_LITERAL("trailers"), false);
	if (message->expect_continue)
		put(&list[count++], SLICE_LITERAL("expect"), SLICE_LITERAL("100-continue"), false);
	return forbid_copies(list, list_fields(&message->fields, message->arena, list, count));
}

ssize_t h2_list_response(const struct http_message *message, nghttp2_nv list[H2_ENTRIES_MAX])
{
	char *status = arena_alloc_bytes(message->arena, 3);
	struct writer w = writer_of(status, 3);
	size_t count = 0;

	if (!status)
		return -ENOMEM;
	if (message->status < 100 || message->status > 599)
		return ERROR_SYNTAX;
	writer_decimal(&w, (uint64_t)message->status);
	put(&list[count++], SLICE_LITERAL(":status"), slice_of(status, 3), false);
	if (message->body == HTTP_BODY_SIZED && !message->length_is_implied) {
		ssize_t rc = put_length(message, &list[count]);

		if (rc < 0)
			return rc;
		count++;
	}
	return list_fields(&message->fields, message->arena, list, count);
}

ssize_t h2_list_trailers(const struct http_fields *fields, struct arena *arena,
			 nghttp2_nv list[H2_ENTRIES_MAX])
{
	for (size_t i = 0; i < fields->count; i++) {
		if (!http_may_be_trailer(&fields->list[i]))
			return ERROR_SYNTAX;
	}
	return list_fields(fields, arena, list, 0);
}
