#include <stdio.h>

#include "base/slice.h"
#include "policy/match.h"
#include "policy/methods.h"

struct line {
	char *out;
	size_t size;
	size_t used;
	bool full;
};

static void put(struct line *line, struct slice text)
{
	if (line->full || line->size - line->used <= text.len) {
		line->full = true;
		return;
	}
	memcpy(line->out + line->used, text.ptr, text.len);
	line->used += text.len;
}

static void put_text(struct line *line, const char *text)
{
	put(line, slice_from_text(text));
}

/* In quotes where YAML would read a comma, bracket or colon as its own. A canonical path has no
 * quotes and no backslashes. */
static void put_target(struct line *line, const struct policy_request *request,
		       struct slice reading, bool quoted)
{
	char authority[HOST_AUTHORITY_MAX + 1];

	host_format_authority(request->host, request->port, policy_scheme_port(request->scheme),
			      authority);
	put_text(line, quoted ? "\"" : "");
	put_text(line, policy_scheme_name(request->scheme));
	put_text(line, "://");
	put_text(line, authority);
	put(line, reading);
	put_text(line, quoted ? "\"" : "");
}

static bool is_plain(const struct policy_request *request)
{
	const struct path *path = request->path;

	for (size_t i = 0; i < path->text.len; i++) {
		char c = path->text.ptr[i];

		if (!ascii_is_alnum(c) && !(c && strchr("/-._~%", c)))
			return false;
	}
	return request->host->kind != HOST_IPV6 && path->reading_count == 1;
}

/* Whether no rule can say it and no more: it has a method that cannot be listed, or a path that is
 * no glob. A star in a path is one too: a rule would read it as "any", and what is suggested must
 * not allow more than what was asked for (threat C6). */
static bool is_hopeless(const struct policy_request *request)
{
	enum method_standing standing = method_standing(request->method);
	struct slice path = request->path->text;

	return standing == METHOD_TUNNEL || standing == METHOD_UNKNOWN ||
	       path.len > PATH_GLOB_MAX_BYTES || slice_find_char(path, '*') < path.len;
}

size_t policy_suggest_flow(enum policy_scheme scheme, const struct host *host, uint16_t port,
			   char *out, size_t size)
{
	struct policy_request request = {.scheme = scheme, .host = host, .port = port};
	struct line line = {.out = out, .size = size};

	put_text(&line, "- allow: ");
	put_target(&line, &request, SLICE_EMPTY, host->kind == HOST_IPV6);
	if (line.full)
		line.used = 0;
	if (size)
		out[line.used] = '\0';
	return line.used;
}

size_t policy_suggest(const struct policy_request *request, char *out, size_t size)
{
	const struct path *path = request->path;
	struct line line = {.out = out, .size = size};
	bool quoted = !is_plain(request), several = path->reading_count > 1;

	put_text(&line, several ? "- allow: [" : "- allow: ");
	for (size_t i = 0; i < path->reading_count; i++) {
		put_text(&line, i ? ", " : "");
		put_target(&line, request, path->readings[i], quoted);
	}
	put_text(&line, several ? "]; methods: [" : "; methods: [");
	put(&line, request->method);
	put_text(&line, request->websocket ? "]; websocket: true" : "]");
	if (line.full || is_hopeless(request))
		line.used = 0;
	if (size)
		out[line.used] = '\0';
	return line.used;
}
