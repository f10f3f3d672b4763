#include "policy/target.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "policy/range.h"

struct parser {
	struct slice text;
	enum target_role role;
	struct policy_target *target;
	struct target_fault *fault;
};

/* Says what is wrong with PART, a part of the text. */
__attribute__((format(printf, 5, 6))) static int fail(struct parser *p, int code, struct slice part,
						      const char *hint, const char *format, ...)
{
	va_list args;

	p->fault->offset = (size_t)(part.ptr - p->text.ptr);
	p->fault->length = part.len;
	snprintf(p->fault->hint, sizeof(p->fault->hint), "%s", hint ? hint : "");
	va_start(args, format);
	vsnprintf(p->fault->text, sizeof(p->fault->text), format, args);
	va_end(args);
	return code;
}

#define FAIL(part, hint, ...) fail(p, ERROR_SYNTAX, part, hint, __VA_ARGS__)

static const char *const later_schemes[] = {"postgres", "postgresql", "mysql", "redis", "ssh"};

static int fail_scheme(struct parser *p, struct slice name)
{
	const char *known[POLICY_SCHEME_COUNT], *nearest;
	char hint[TARGET_FAULT_BYTES];

	for (unsigned int i = 0; i < POLICY_SCHEME_COUNT; i++)
		known[i] = policy_scheme_name(i);
	for (size_t i = 0; i < sizeof(later_schemes) / sizeof(later_schemes[0]); i++) {
		if (slice_equal_nocase(name, slice_from_text(later_schemes[i])))
			return fail(p, ERROR_UNSUPPORTED, name,
				    "tcp://HOST:PORT lets its bytes through as they are",
				    "scheme \"%s\" is not yet supported", later_schemes[i]);
	}
	if (slice_equal_nocase(name, SLICE_LITERAL("wss")) ||
	    slice_equal_nocase(name, SLICE_LITERAL("ws")))
		return FAIL(name,
			    "write https:// (or http://), and \"websocket: true\" in the rule",
			    "a WebSocket is opened by a request of HTTP");
	nearest = diagnostic_nearest(name, known, POLICY_SCHEME_COUNT);
	if (nearest)
		snprintf(hint, sizeof(hint), "did you mean \"%s\"?", nearest);
	return FAIL(name, nearest ? hint : "schemes are https, http, tls, tcp and udp",
		    "unknown scheme \"%.*s\"", SLICE_ARGS(slice_first(name, 40)));
}

static int parse_scheme(struct parser *p, struct slice *rest)
{
	size_t end = slice_find(*rest, SLICE_LITERAL("://"));
	struct slice name = slice_first(*rest, end);

	p->target->scheme = POLICY_HTTPS;
	p->target->any_scheme = p->role == TARGET_DENY && end == rest->len;
	if (end == rest->len)
		return 0;
	*rest = slice_from(*rest, end + 3);
	for (unsigned int i = 0; i < POLICY_SCHEME_COUNT; i++) {
		if (slice_equal(name, slice_from_text(policy_scheme_name(i)))) {
			p->target->scheme = i;
			return 0;
		}
	}
	return fail_scheme(p, name);
}

/* What may stand nowhere in a target. */
static int check_bytes(struct parser *p)
{
	for (size_t i = 0; i < p->text.len; i++) {
		unsigned char c = (unsigned char)p->text.ptr[i];
		struct slice at = slice_first(slice_from(p->text, i), 1);

		if (c >= 0x80)
			return FAIL(at,
				    "write a name in its A-label form (xn--...), a path "
				    "percent-encoded",
				    "a target is ASCII");
		if (c <= ' ' || c == 0x7f)
			return FAIL(at, "several targets are a list: [a.example, b.example]",
				    "a target has no spaces");
		if (c == '?')
			return FAIL(at, "targets end with the path; every query string matches",
				    "a target has no query string");
		if (c == '#')
			return FAIL(at, NULL, "a target has no fragment");
	}
	return 0;
}

static int parse_port(struct parser *p, struct slice port)
{
	uint64_t value;

	if (port.len == 0)
		return FAIL(slice_of(port.ptr - 1, 1), NULL, "there is no port behind the colon");
	if (slice_equal(port, SLICE_LITERAL("*")))
		return FAIL(port, NULL, "a port is a number; a wildcard is for names");
	if (slice_to_u64(port, UINT16_MAX, &value) < 0 || value == 0 || port.ptr[0] == '0')
		return FAIL(port, NULL, "a port is a number from 1 to 65535");
	p->target->port = (uint16_t)value;
	return 0;
}

static bool is_like_ipv4(struct slice host)
{
	size_t last = host.len;

	while (last && host.ptr[last - 1] != '.')
		last--;
	return last < host.len && ascii_is_digit(host.ptr[last]);
}

static int fail_host(struct parser *p, struct slice host)
{
	size_t star = slice_find_char(host, '*'), underscore = slice_find_char(host, '_');

	if (star < host.len)
		return FAIL(
			slice_first(slice_from(host, star), 1),
			"\"*.example.com\" is every name below example.com; \"*\" is every name",
			"a star can only stand for the whole beginning of a name");
	if (underscore < host.len)
		return FAIL(slice_first(slice_from(host, underscore), 1), NULL,
			    "a host name has no underscore");
	if (host.ptr[0] == '[')
		return FAIL(host, "as in [2001:db8::1]: no zone, no IPv4 inside",
			    "not an IPv6 address");
	if (is_like_ipv4(host))
		return FAIL(host, "as in 192.0.2.1: four decimal numbers without leading zeros",
			    "not an IPv4 address, and no name ends in a number");
	if (host.len > HOST_TEXT_MAX)
		return FAIL(host, NULL, "a host name has at most %d characters", HOST_TEXT_MAX);
	return FAIL(host,
		    "labels of letters, digits and inner hyphens, 63 at most, with dots between",
		    "not a host name");
}

static int parse_host(struct parser *p, struct slice host)
{
	struct policy_target *target = p->target;
	struct slice name = host;

	if (host.len == 0)
		return FAIL(p->text, "as in https://example.com/**", "there is no host");
	if (slice_equal(host, SLICE_LITERAL("*"))) {
		target->any_host = true;
		return 0;
	}
	target->wildcard = slice_starts_with(host, SLICE_LITERAL("*."));
	if (target->wildcard)
		name = slice_from(host, 2);
	if (host_parse(name, &target->host) < 0)
		return fail_host(p, name.len ? name : host);
	if (target->wildcard && target->host.kind != HOST_NAME)
		return FAIL(host, "addresses are named one by one", "no name is below an address");
	return 0;
}

/* The colon before the port, or the end. */
static size_t find_port(struct slice authority)
{
	size_t bracket = authority.ptr[0] == '[' ? slice_find_char(authority, ']') : 0;

	return bracket + slice_find_char(slice_from(authority, bracket), ':');
}

static int check_user(struct parser *p, struct slice authority)
{
	size_t at = slice_find_char(authority, '@');

	if (at < authority.len)
		return FAIL(slice_first(authority, at + 1), "secrets are bound under \"secrets\"",
			    "a target has no user information");
	return 0;
}

static int parse_authority(struct parser *p, struct slice authority)
{
	size_t colon;
	int rc = check_user(p, authority);

	if (rc < 0)
		return rc;
	if (authority.len == 0)
		return parse_host(p, authority);
	colon = find_port(authority);
	p->target->port = policy_scheme_port(p->target->scheme);
	p->target->any_port = p->target->any_scheme && colon == authority.len;
	if (colon < authority.len) {
		struct slice port = slice_from(authority, colon + 1);

		if (slice_find_char(port, ':') < port.len)
			return FAIL(authority, "an IPv6 address stands in brackets: [2001:db8::1]",
				    "there are two colons");
		if (parse_port(p, port) < 0)
			return ERROR_SYNTAX;
	}
	return parse_host(p, slice_first(authority, colon));
}

static bool is_prefix_length(struct slice path)
{
	uint64_t bits;

	return slice_to_u64(slice_from(path, 1), 128, &bits) == 0;
}

static int parse_path(struct parser *p, struct slice path)
{
	char canonical[PATH_GLOB_MAX_BYTES], hint[TARGET_FAULT_BYTES] = "";
	const char *why, *ignored;
	size_t len;

	if (p->target->scheme == POLICY_TLS && path.len)
		return FAIL(path, "to tell paths apart the connection must be opened: use https://",
			    "a tls:// target has no path, as it is not looked into");
	if (p->target->host.kind != HOST_NAME && path.len && is_prefix_length(path))
		return FAIL(
			path,
			"private addresses are denied unless \"network\" lists them under "
			"\"private\"",
			"a target is one address, not a range; ranges are for tcp:// and udp://");
	if (path.len == 0)
		path = SLICE_LITERAL("/**");
	if (path_glob_parse(path, &p->target->path, &why) == 0)
		return 0;
	if (path.len <= PATH_GLOB_MAX_BYTES &&
	    path_make_canonical(path, canonical, &len, &ignored) == 0 &&
	    !slice_equal(slice_of(canonical, len), path))
		snprintf(hint, sizeof(hint), "write %.*s", (int)len, canonical);
	return FAIL(path, hint, "%s", why);
}

/* The colon before the port of HOST-OR-RANGE[:PORT], or the end. */
static size_t find_flow_port(struct slice place)
{
	size_t slash = slice_find_char(place, '/'), colon = find_port(place);

	return colon < slash ? colon : slash + slice_find_char(slice_from(place, slash), ':');
}

static int parse_range(struct parser *p, struct slice range)
{
	struct policy_target *target = p->target;
	size_t slash = slice_find_char(range, '/');
	struct slice address = slice_first(range, slash);
	const char *why;

	if (!is_prefix_length(slice_from(range, slash)))
		return FAIL(slice_from(range, slash),
			    "a range is written ADDRESS/BITS:PORT, its address as it is alone",
			    "a %s:// target has no path, as it is not looked into",
			    policy_scheme_name(target->scheme));
	if (address.len == 0 || host_parse(address, &target->host) < 0)
		return fail_host(p, address.len ? address : range);
	if (target->host.kind == HOST_NAME)
		return FAIL(range, "as in 192.0.2.0/24", "a range is one of addresses");
	if (range_parse_cidr(range, &target->range, &why) < 0)
		return FAIL(range, NULL, "%s", why);
	target->is_range = true;
	return 0;
}

/* What stands behind tcp:// or udp://. */
static int parse_flow(struct parser *p, struct slice place)
{
	struct policy_target *target = p->target;
	size_t colon;
	struct slice host;
	int rc = check_user(p, place);

	if (rc < 0)
		return rc;
	if (place.len == 0)
		return parse_host(p, place);
	colon = find_flow_port(place);
	host = slice_first(place, colon);
	if (colon < place.len) {
		struct slice port = slice_from(place, colon + 1);
		size_t slash = slice_find_char(port, '/');

		if (slash < port.len)
			return FAIL(slice_from(port, slash), "a range is written ADDRESS/BITS:PORT",
				    "a %s:// target has no path, as it is not looked into",
				    policy_scheme_name(target->scheme));
		if (slice_find_char(port, ':') < port.len)
			return FAIL(place, "an IPv6 address stands in brackets: [2001:db8::1]",
				    "there are two colons");
		rc = parse_port(p, port);
	} else if (p->role == TARGET_ALLOW) {
		return FAIL(place, "as in tcp://db.example.com:5432", "a %s:// target needs a port",
			    policy_scheme_name(target->scheme));
	} else {
		target->any_port = true;
	}
	if (rc < 0)
		return rc;
	return slice_find_char(host, '/') < host.len ? parse_range(p, host) : parse_host(p, host);
}

static int parse_place(struct parser *p, struct slice rest)
{
	size_t slash = slice_find_char(rest, '/');
	const char *ignored;
	int rc;

	if (target_is_flow(p->target)) {
		rc = parse_flow(p, rest);
		return rc < 0 ? rc
			      : path_glob_parse(SLICE_LITERAL("/**"), &p->target->path, &ignored);
	}
	rc = parse_authority(p, slice_first(rest, slash));
	return rc < 0 ? rc : parse_path(p, slice_from(rest, slash));
}

int target_parse(struct slice text, enum target_role role, struct policy_target *target,
		 struct target_fault *fault)
{
	struct parser parser = {text, role, target, fault}, *p = &parser;
	struct diagnostic_place place = target->place;
	struct slice rest = text;
	int rc;

	*target = (struct policy_target){.text = text, .place = place};
	rc = check_bytes(p);
	if (rc == 0)
		rc = parse_scheme(p, &rest);
	if (rc < 0)
		return rc;
	if (role == TARGET_USE && target->scheme != POLICY_HTTPS)
		return FAIL(slice_first(text, text.len - rest.len),
			    target->scheme == POLICY_HTTP
				    ? "plain HTTP would show the secret to everyone on the way"
				    : "a connection that is passed through is not looked into",
			    "a secret can only be put in on https");
	return parse_place(p, rest);
}

bool target_has_host(const struct policy_target *target, const struct host *host)
{
	return target->wildcard ? host_is_below(host, &target->host)
				: host_equal(host, &target->host);
}

bool target_has_port(const struct policy_target *target, enum policy_scheme scheme, uint16_t port)
{
	return (target->any_scheme || target->scheme == scheme) &&
	       (target->any_port || target->port == port);
}
