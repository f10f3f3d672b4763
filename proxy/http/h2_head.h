/*
 * HTTP/2 heads (RFC 9113 section 8), from and to the message. Frames, HPACK and flow control are
 * nghttp2's; what a field list means is decided here, strictly, whatever the library has let
 * through (threat P10).
 *
 * Refused: pseudo-fields that are missing, repeated, unknown or behind others; names that are not
 * lower-case tokens; fields of one hop; values with control bytes or with space at their ends; a
 * :path that does not begin with "/"; an :authority that differs from Host; a Content-Length that
 * is not one plain number, or not that of the body (the session counts); "te" other than
 * "trailers"; trailers that may not be. Cookie fields are joined to one (section 8.2.3).
 */
#ifndef PROXY_HTTP_H2_HEAD_H
#define PROXY_HTTP_H2_HEAD_H

#include <nghttp2/nghttp2.h>

#include "proxy/http/message.h"

/* A head while its fields come. */
struct h2_head {
	struct http_message *message;
	bool is_request;
	bool is_trailer;
	bool saw_regular; /* pseudo-fields must stand before all others */
	size_t bytes;
	bool has_cookie;
	char *cookie; /* its crumbs, joined */
	size_t cookie_length;
	size_t cookie_room;
	struct slice method;
	struct slice scheme;
	struct slice authority;
	struct slice path;
	struct slice protocol; /* of an extended CONNECT (RFC 8441) */
	struct slice status;
	struct http_fields trailers;
	const char *fault;    /* why it is refused; NULL: it is not */
	int status_for_fault; /* 400 or 431 */
};

void h2_head_init(struct h2_head *head, struct http_message *message, bool is_request);

/* The fields that follow are a trailer section. */
void h2_head_begin_trailers(struct h2_head *head);

/* Takes a field in, copied into the message's arena. 0 or -ENOMEM; faults are kept in HEAD. */
int h2_head_add(struct h2_head *head, struct slice name, struct slice value);

/* The head is whole. ENDS: so is the message. 0, or ERROR_SYNTAX with head->fault. SCHEME: that of
 * the connection. */
int h2_head_finish_request(struct h2_head *head, enum policy_scheme scheme, bool ends);
int h2_head_finish_response(struct h2_head *head, struct slice method, bool ends);
int h2_head_finish_trailers(struct h2_head *head);

/* Field lists for nghttp2, which point into MESSAGE and its arena. The number of entries, or
 * ERROR_SYNTAX when something may not be sent, or -ENOMEM. What is in a request's list is not
 * copied by nghttp2 (it may be a secret): it must stay until the head is sent. */
enum { H2_ENTRIES_MAX = HTTP_FIELDS_MAX + 8 };

ssize_t h2_list_request(const struct http_message *message, struct slice path,
			nghttp2_nv list[H2_ENTRIES_MAX]);
ssize_t h2_list_response(const struct http_message *message, nghttp2_nv list[H2_ENTRIES_MAX]);
ssize_t h2_list_trailers(const struct http_fields *fields, struct arena *arena,
			 nghttp2_nv list[H2_ENTRIES_MAX]);

#endif
