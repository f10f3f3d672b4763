/*
 * The message: the engine's one form of HTTP, whatever the wire (design section 4). Codecs turn
 * wire into messages and back; policy, secrets and audit see nothing else.
 *
 * A message's head is here: method, authority, path, ordered fields. Its body is a stream of slices
 * that the exchange passes on; the message says only how long it will be. All text lives in the
 * message's arena, or in memory that outlives the message.
 *
 * Fields that belong to one hop (RFC 9110 section 7.6.1) are not in a message: the codec that reads
 * them acts on them, and the codec that writes makes its own. Content-Length is not either: it is
 * BODY.
 */
#ifndef PROXY_HTTP_MESSAGE_H
#define PROXY_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "policy/host.h"
#include "policy/policy.h"

enum {
	HTTP_HEAD_MAX_BYTES = 64 << 10, /* request or status line and fields */
	HTTP_FIELDS_MAX = 128,
	HTTP_TARGET_MAX_BYTES = 16 << 10,
	HTTP_TRAILER_MAX_BYTES = 8 << 10,
	HTTP_ARENA_MAX_BYTES = 512 << 10,
};

/* Fields that some part of the engine must know. */
enum http_field_id {
	FIELD_OTHER,
	FIELD_A_IM,
	FIELD_ACCEPT_ENCODING,
	FIELD_ALT_SVC,
	FIELD_AUTHORIZATION,
	FIELD_CONNECTION,
	FIELD_CONTENT_DIGEST,
	FIELD_CONTENT_ENCODING,
	FIELD_CONTENT_LENGTH,
	FIELD_CONTENT_MD5,
	FIELD_CONTENT_RANGE,
	FIELD_CONTENT_TYPE,
	FIELD_COOKIE,
	FIELD_DIGEST,
	FIELD_EXPECT,
	FIELD_HOST,
	FIELD_HTTP2_SETTINGS,
	FIELD_IF_RANGE,
	FIELD_KEEP_ALIVE,
	FIELD_PROXY_AUTHENTICATE,
	FIELD_PROXY_AUTHORIZATION,
	FIELD_PROXY_CONNECTION,
	FIELD_RANGE,
	FIELD_REPR_DIGEST,
	FIELD_SALLYPORT_VERDICT,
	FIELD_SET_COOKIE,
	FIELD_SIGNATURE_INPUT,
	FIELD_TE,
	FIELD_TRAILER,
	FIELD_TRANSFER_ENCODING,
	FIELD_UPGRADE,
	FIELD_X_AMZ_CONTENT_SHA256,
	FIELD_X_HTTP_METHOD,
	FIELD_X_HTTP_METHOD_OVERRIDE,
	FIELD_X_METHOD_OVERRIDE,
	FIELD_X_ORIGINAL_URL,
	FIELD_X_REWRITE_URL,
	FIELD_ID_COUNT,
};

/* A set of field ids. */
#define HTTP_FIELD_BIT(id) (UINT64_C(1) << (id))

_Static_assert((int)FIELD_ID_COUNT <= 64, "all ids fit into a set");

struct http_field {
	struct slice name; /* as received: the case is kept */
	struct slice value;
	enum http_field_id id;
	bool is_secret; /* a real secret stands in the value */
};

struct http_fields {
	struct http_field *list;
	size_t count;
	size_t capacity;
};

enum http_body {
	HTTP_BODY_NONE,
	HTTP_BODY_SIZED,  /* of body_bytes, which may be 0 */
	HTTP_BODY_STREAM, /* until it ends */
};

struct http_message {
	struct arena *arena;

	/* Of a request. */
	struct slice method;
	enum policy_scheme scheme;
	struct host host;
	uint16_t port;
	struct slice path;  /* as received: starts with "/", or is "*" */
	struct slice query; /* with its "?", or empty */
	bool expect_continue;
	struct slice upgrade; /* protocols asked for, or empty; of a 101: that it changes to */

	/* Of a response. */
	int status;
	bool bodiless; /* no body follows; BODY may still tell how long it would have been (HEAD,
			  304) */

	bool is_h2;	       /* received in HTTP/2 */
	bool target_is_secret; /* a real secret stands in the path or the query, which is right
				  behind the path in memory then */
	uint8_t minor_version; /* of HTTP/1.x as received */
	bool close;	       /* the sender closes the connection after this message */
	bool te_trailers;      /* a request whose sender takes trailers */
	enum http_body body;
	uint64_t body_bytes;	/* of HTTP_BODY_SIZED */
	bool length_is_implied; /* HTTP/2: it ended with its head, without a Content-Length */
	bool chunked; /* HTTP/1: the body arrives in chunks; if not, a stream ends at the close */
	struct http_fields fields;
};

/* An empty message in ARENA. */
void http_message_init(struct http_message *message, struct arena *arena);

/* Adds a field. 0, ERROR_LIMIT past HTTP_FIELDS_MAX, or -ENOMEM. */
int http_fields_add(struct http_fields *fields, struct arena *arena, struct slice name,
		    struct slice value);

/* The first field ID from index START on, or NULL. */
const struct http_field *http_fields_find(const struct http_fields *fields, enum http_field_id id);

/* Takes out every field with ID. Returns how many there were. */
size_t http_fields_remove(struct http_fields *fields, enum http_field_id id);

/* The same for every field whose id is in IDS, of HTTP_FIELD_BIT(). */
size_t http_fields_remove_any(struct http_fields *fields, uint64_t ids);

/* Takes out every field whose name is NAME, without regard to case. */
size_t http_fields_remove_name(struct http_fields *fields, struct slice name);

enum http_field_id http_field_identify(struct slice name);

/* Character classes of RFC 9110 section 5.6.2 and 5.5. */
bool http_is_token(struct slice text);
bool http_is_token_char(unsigned char c);
bool http_is_field_value(struct slice text);

/* Whether a field may stand in a trailer section (RFC 9110 section 6.5.1): nothing that frames,
 * routes, authenticates, or controls. */
bool http_may_be_trailer(const struct http_field *field);

/* Whether a field tells a digest of the content (RFC 9530, RFC 3230, RFC 1864). */
bool http_is_digest(enum http_field_id id);

/* The standard reason phrase of STATUS (RFC 9110 section 15), or "Unknown". */
const char *http_reason_phrase(int status);

/* Whether a response with STATUS to METHOD has no body, whatever its fields say. */
bool http_response_is_bodiless(int status, struct slice method);

/* Whether a request with METHOD may be sent again when a connection failed before its response
 * (RFC 9110 section 9.2.2). */
bool http_method_is_idempotent(struct slice method);

#endif
