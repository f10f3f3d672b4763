#include "policy/field.h"

static const char hop[] = "this field is for one hop only";
static const char frames[] = "this field frames the message";
static const char no_secret[] = "this field cannot hold a secret";
static const char computed[] = "this field is computed from the body";
static const char handshake[] = "this field belongs to the handshake of the WebSocket";
static const char taken_out[] =
	"this field is always taken out, as it can make a server take the request for another one";

struct refused_field {
	const char *name;
	const char *why;
	const char *hint;
	bool only_set; /* it may be a slot */
	bool only_slot;
};

static const struct refused_field refused[] = {
	{.name = "Accept-Encoding", .why = "this field is agreed on with the server"},
	{.name = "Authority", .why = no_secret},
	{.name = "Connection", .why = hop},
	{.name = "Content-Digest", .why = computed},
	{.name = "Content-Encoding", .why = frames},
	{.name = "Content-Length", .why = frames},
	{.name = "Content-MD5", .why = computed},
	{.name = "Content-Type", .why = frames},
	{.name = "Cookie",
	 .why = "the whole field is not a slot",
	 .hint = "name the cookie, as in: cookie session",
	 .only_slot = true},
	{.name = "Date", .why = no_secret},
	{.name = "Digest", .why = computed},
	{.name = "Expect", .why = frames},
	{.name = "Host", .why = "this field says where the request goes"},
	{.name = "HTTP2-Settings", .why = hop},
	{.name = "Keep-Alive", .why = hop},
	{.name = "Proxy-Authorization", .why = hop, .hint = "did you mean Authorization?"},
	{.name = "Proxy-Connection", .why = hop},
	{.name = "Repr-Digest", .why = computed},
	{.name = "Sec-WebSocket-Accept", .why = handshake},
	{.name = "Sec-WebSocket-Extensions", .why = handshake},
	{.name = "Sec-WebSocket-Key", .why = handshake},
	/* Some servers take a key in it; but its sender must know what it offered. */
	{.name = "Sec-WebSocket-Protocol", .why = handshake, .only_set = true},
	{.name = "Sec-WebSocket-Version", .why = handshake},
	{.name = "TE", .why = hop},
	{.name = "Trailer", .why = frames},
	{.name = "Transfer-Encoding", .why = frames},
	{.name = "Upgrade", .why = hop},
	{.name = "X-HTTP-Method", .why = taken_out},
	{.name = "X-HTTP-Method-Override", .why = taken_out},
	{.name = "X-Method-Override", .why = taken_out},
	{.name = "X-Original-URL", .why = taken_out},
	{.name = "X-Rewrite-URL", .why = taken_out},
};

bool field_is_token(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!ascii_is_alnum(c) && !(c && strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return text.len > 0;
}

static bool is_refused(const struct refused_field *row, struct slice name, enum field_role role)
{
	bool excused = role == FIELD_OF_SLOT ? row->only_set : row->only_slot;

	return !excused && slice_equal_nocase(name, slice_from_text(row->name));
}

bool field_may_be_named(struct slice name, enum field_role role, struct field_fault *fault)
{
	*fault = (struct field_fault){0};
	if (!field_is_token(name)) {
		fault->why = "this is not the name of a field";
		fault->hint = "as in Authorization";
		return false;
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (!is_refused(&refused[i], name, role))
			continue;
		fault->why = refused[i].why;
		fault->hint = refused[i].hint;
		return false;
	}
	return true;
}
