#include "proxy/http/message.h"

#include "base/error.h"
#include "base/word.h"

enum { FIRST_FIELDS = 24 };

/* By length. */
static const struct {
	struct slice name;
	enum http_field_id id;
} known_fields[] = {
	{SLICE_LITERAL("te"), FIELD_TE},
	{SLICE_LITERAL("a-im"), FIELD_A_IM},
	{SLICE_LITERAL("host"), FIELD_HOST},
	{SLICE_LITERAL("range"), FIELD_RANGE},
	{SLICE_LITERAL("cookie"), FIELD_COOKIE},
	{SLICE_LITERAL("digest"), FIELD_DIGEST},
	{SLICE_LITERAL("expect"), FIELD_EXPECT},
	{SLICE_LITERAL("alt-svc"), FIELD_ALT_SVC},
	{SLICE_LITERAL("trailer"), FIELD_TRAILER},
	{SLICE_LITERAL("upgrade"), FIELD_UPGRADE},
	{SLICE_LITERAL("if-range"), FIELD_IF_RANGE},
	{SLICE_LITERAL("connection"), FIELD_CONNECTION},
	{SLICE_LITERAL("keep-alive"), FIELD_KEEP_ALIVE},
	{SLICE_LITERAL("set-cookie"), FIELD_SET_COOKIE},
	{SLICE_LITERAL("content-md5"), FIELD_CONTENT_MD5},
	{SLICE_LITERAL("repr-digest"), FIELD_REPR_DIGEST},
	{SLICE_LITERAL("content-type"), FIELD_CONTENT_TYPE},
	{SLICE_LITERAL("authorization"), FIELD_AUTHORIZATION},
	{SLICE_LITERAL("content-range"), FIELD_CONTENT_RANGE},
	{SLICE_LITERAL("x-http-method"), FIELD_X_HTTP_METHOD},
	{SLICE_LITERAL("x-rewrite-url"), FIELD_X_REWRITE_URL},
	{SLICE_LITERAL("content-digest"), FIELD_CONTENT_DIGEST},
	{SLICE_LITERAL("content-length"), FIELD_CONTENT_LENGTH},
	{SLICE_LITERAL("http2-settings"), FIELD_HTTP2_SETTINGS},
	{SLICE_LITERAL("x-original-url"), FIELD_X_ORIGINAL_URL},
	{SLICE_LITERAL("accept-encoding"), FIELD_ACCEPT_ENCODING},
	{SLICE_LITERAL("signature-input"), FIELD_SIGNATURE_INPUT},
	{SLICE_LITERAL("content-encoding"), FIELD_CONTENT_ENCODING},
	{SLICE_LITERAL("proxy-connection"), FIELD_PROXY_CONNECTION},
	{SLICE_LITERAL("sallyport-verdict"), FIELD_SALLYPORT_VERDICT},
	{SLICE_LITERAL("transfer-encoding"), FIELD_TRANSFER_ENCODING},
	{SLICE_LITERAL("x-method-override"), FIELD_X_METHOD_OVERRIDE},
	{SLICE_LITERAL("proxy-authenticate"), FIELD_PROXY_AUTHENTICATE},
	{SLICE_LITERAL("proxy-authorization"), FIELD_PROXY_AUTHORIZATION},
	{SLICE_LITERAL("x-amz-content-sha256"), FIELD_X_AMZ_CONTENT_SHA256},
	{SLICE_LITERAL("x-http-method-override"), FIELD_X_HTTP_METHOD_OVERRIDE},
};

_Static_assert(sizeof(known_fields) / sizeof(known_fields[0]) == FIELD_ID_COUNT - 1,
	       "every known field has a name");

enum { KNOWN_FIELDS = FIELD_ID_COUNT - 1, LONGEST_KNOWN = 22 };

/* Where the fields of each length begin, and behind the last. */
static const uint8_t first_of_length[LONGEST_KNOWN + 2] = {
	0, 0, 0, 1, 1, 3, 4, 7, 10, 11, 11, 14, 16, 17, 21, 25, 27, 29, 32, 33, 34, 35, 35, 36,
};

void http_message_init(struct http_message *message, struct arena *arena)
{
	*message = (struct http_message){.arena = arena, .upgrade = SLICE_EMPTY};
}

enum http_field_id http_field_identify(struct slice name)
{
	if (name.len > LONGEST_KNOWN)
		return FIELD_OTHER;
	for (size_t i = first_of_length[name.len]; i < first_of_length[name.len + 1]; i++) {
		if (slice_equal_nocase(known_fields[i].name, name))
			return known_fields[i].id;
	}
	return FIELD_OTHER;
}

static int grow(struct http_fields *fields, struct arena *arena)
{
	size_t capacity = fields->capacity ? fields->capacity * 2 : FIRST_FIELDS;
	struct http_field *list = arena_calloc(arena, capacity, sizeof(*list));

	if (!list)
		return -ENOMEM;
	if (fields->count)
		memcpy(list, fields->list, fields->count * sizeof(*list));
	fields->list = list;
	fields->capacity = capacity;
	return 0;
}

int http_fields_add(struct http_fields *fields, struct arena *arena, struct slice name,
		    struct slice value)
{
	if (fields->count >= HTTP_FIELDS_MAX)
		return ERROR_LIMIT;
	if (fields->count == fields->capacity && grow(fields, arena) < 0)
		return -ENOMEM;
	fields->list[fields->count++] = (struct http_field){
		.name = name,
		.value = value,
		.id = http_field_identify(name),
	};
	return 0;
}

const struct http_field *http_fields_find(const struct http_fields *fields, enum http_field_id id)
{
	for (size_t i = 0; i < fields->count; i++) {
		if (fields->list[i].id == id)
			return &fields->list[i];
	}
	return NULL;
}

size_t http_fields_remove_any(struct http_fields *fields, uint64_t ids)
{
	size_t kept = 0, before = fields->count;

	for (size_t i = 0; i < before; i++) {
		if (HTTP_FIELD_BIT(fields->list[i].id) & ids)
			continue;
		if (kept != i)
			fields->list[kept] = fields->list[i];
		kept++;
	}
	fields->count = kept;
	return before - kept;
}

size_t http_fields_remove(struct http_fields *fields, enum http_field_id id)
{
	return http_fields_remove_any(fields, HTTP_FIELD_BIT(id));
}

size_t http_fields_remove_name(struct http_fields *fields, struct slice name)
{
	size_t kept = 0, before = fields->count;

	for (size_t i = 0; i < before; i++) {
		if (!slice_equal_nocase(fields->list[i].name, name))
			fields->list[kept++] = fields->list[i];
	}
	fields->count = kept;
	return before - kept;
}

bool http_is_token_char(unsigned char c)
{
	static const bool allowed[256] = {
		['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true,
		['#'] = true,	      ['$'] = true,	    ['%'] = true,	  ['&'] = true,
		['\''] = true,	      ['*'] = true,	    ['+'] = true,	  ['-'] = true,
		['.'] = true,	      ['^'] = true,	    ['_'] = true,	  ['`'] = true,
		['|'] = true,	      ['~'] = true,
	};

	return allowed[c];
}

bool http_is_token(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!http_is_token_char((unsigned char)text.ptr[i]))
			return false;
	}
	return text.len > 0;
}

/* 0x85 and 0xa0 are white space to some readers (they are, in Latin-1), so that they may not stand
 * where white space would be cut off. */
static bool is_foreign_space(unsigned char c)
{
	return c == 0x85 || c == 0xa0;
}

static bool is_control(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* Of eight characters; a tab is one that may stand. */
static bool may_have_control(uint64_t word)
{
	return word_below(word, 0x20) | word_equal(word, 0x7f);
}

bool http_is_field_value(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		while (text.len - i > WORD_BYTES && !may_have_control(word_load(text.ptr + i)))
			i += WORD_BYTES;
		if (is_control((unsigned char)text.ptr[i]))
			return false;
	}
	if (text.len == 0)
		return true;
	return !is_foreign_space((unsigned char)text.ptr[0]) &&
	       !is_foreign_space((unsigned char)text.ptr[text.len - 1]);
}

bool http_is_digest(enum http_field_id id)
{
	return id == FIELD_CONTENT_DIGEST || id == FIELD_CONTENT_MD5 || id == FIELD_DIGEST ||
	       id == FIELD_REPR_DIGEST;
}

bool http_may_be_trailer(const struct http_field *field)
{
	static const struct slice refused[] = {
		SLICE_LITERAL("cache-control"),	  SLICE_LITERAL("content-range"),
		SLICE_LITERAL("content-type"),	  SLICE_LITERAL("if-match"),
		SLICE_LITERAL("if-none-match"),	  SLICE_LITERAL("if-modified-since"),
		SLICE_LITERAL("location"),	  SLICE_LITERAL("max-forwards"),
		SLICE_LITERAL("range"),		  SLICE_LITERAL("www-authenticate"),
		SLICE_LITERAL("x-forwarded-for"),
	};

	if (field->id != FIELD_OTHER && !http_is_digest(field->id) &&
	    field->id != FIELD_SIGNATURE_INPUT)
		return false;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (slice_equal_nocase(field->name, refused[i]))
			return false;
	}
	return true;
}

const char *http_reason_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
		{100, "Continue"},
		{101, "Switching Protocols"},
		{102, "Processing"},
		{103, "Early Hints"},
		{200, "OK"},
		{201, "Created"},
		{202, "Accepted"},
		{203, "Non-Authoritative Information"},
		{204, "No Content"},
		{205, "Reset Content"},
		{206, "Partial Content"},
		{300, "Multiple Choices"},
		{301, "Moved Permanently"},
		{302, "Found"},
		{303, "See Other"},
		{304, "Not Modified"},
		{307, "Temporary Redirect"},
		{308, "Permanent Redirect"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{402, "Payment Required"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{406, "Not Acceptable"},
		{407, "Proxy Authentication Required"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{410, "Gone"},
		{411, "Length Required"},
		{412, "Precondition Failed"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{416, "Range Not Satisfiable"},
		{417, "Expectation Failed"},
		{421, "Misdirected Request"},
		{422, "Unprocessable Content"},
		{425, "Too Early"},
		{426, "Upgrade Required"},
		{428, "Precondition Required"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{451, "Unavailable For Legal Reasons"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"},
		{507, "Insufficient Storage"},
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (phrases[i].status == status)
			return phrases[i].phrase;
	}
	return "Unknown";
}

bool http_response_is_bodiless(int status, struct slice method)
{
	return status < 200 || status == 204 || status == 304 ||
	       slice_equal(method, SLICE_LITERAL("HEAD"));
}

bool http_method_is_idempotent(struct slice method)
{
	static const struct slice idempotent[] = {
		SLICE_LITERAL("GET"),	 SLICE_LITERAL("HEAD"),	   SLICE_LITERAL("PUT"),
		SLICE_LITERAL("DELETE"), SLICE_LITERAL("OPTIONS"), SLICE_LITERAL("TRACE"),
	};

	for (size_t i = 0; i < sizeof(idempotent) / sizeof(idempotent[0]); i++) {
		if (slice_equal(method, idempotent[i]))
			return true;
	}
	return false;
}
