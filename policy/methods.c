#include "policy/methods.h"

static const struct policy_methods common = {
	.count = 7,
	.names = {{"GET", 3},
		  {"HEAD", 4},
		  {"POST", 4},
		  {"PUT", 3},
		  {"PATCH", 5},
		  {"DELETE", 6},
		  {"OPTIONS", 7}},
};

/* The rest of the IANA registry but for CONNECT and PRI, QUERY, and the PURGE of caches. The common
 * ones stand here too, for hints. */
const char *const methods_known[] = {
	"GET",
	"HEAD",
	"POST",
	"PUT",
	"PATCH",
	"DELETE",
	"OPTIONS",
	"TRACE",
	"ACL",
	"BASELINE-CONTROL",
	"BIND",
	"CHECKIN",
	"CHECKOUT",
	"COPY",
	"LABEL",
	"LINK",
	"LOCK",
	"MERGE",
	"MKACTIVITY",
	"MKCALENDAR",
	"MKCOL",
	"MKREDIRECTREF",
	"MKWORKSPACE",
	"MOVE",
	"ORDERPATCH",
	"PROPFIND",
	"PROPPATCH",
	"PURGE",
	"QUERY",
	"REBIND",
	"REPORT",
	"SEARCH",
	"UNBIND",
	"UNCHECKOUT",
	"UNLINK",
	"UNLOCK",
	"UPDATE",
	"UPDATEREDIRECTREF",
	"VERSION-CONTROL",
	NULL,
};

enum { KNOWN_COUNT = sizeof(methods_known) / sizeof(methods_known[0]) - 1 };

const struct policy_methods *methods_common(void)
{
	return &common;
}

static bool is_among(const struct policy_methods *methods, struct slice method)
{
	for (size_t i = 0; i < methods->count; i++) {
		if (slice_equal(methods->names[i], method))
			return true;
	}
	return false;
}

enum method_standing method_standing(struct slice method)
{
	if (is_among(&common, method))
		return METHOD_COMMON;
	if (slice_equal(method, SLICE_LITERAL("CONNECT")))
		return METHOD_TUNNEL;
	return slice_is_one_of(method, methods_known, KNOWN_COUNT) ? METHOD_LISTED : METHOD_UNKNOWN;
}

const char *method_nearest(struct slice method)
{
	return diagnostic_nearest(method, methods_known, KNOWN_COUNT);
}

static bool is_everything(const struct policy_methods *methods, bool deny)
{
	return methods->count == 0 && deny;
}

static const struct policy_methods *written_out(const struct policy_methods *methods)
{
	return methods->count ? methods : &common;
}

bool methods_have(const struct policy_methods *methods, bool deny, struct slice method)
{
	return is_everything(methods, deny) || is_among(written_out(methods), method);
}

bool methods_cover(const struct policy_methods *outer, bool outer_denies,
		   const struct policy_methods *inner)
{
	if (is_everything(outer, outer_denies))
		return true;
	outer = written_out(outer);
	inner = written_out(inner);
	for (size_t i = 0; i < inner->count; i++) {
		if (!is_among(outer, inner->names[i]))
			return false;
	}
	return true;
}

bool methods_overlap(const struct policy_methods *a, bool a_denies, const struct policy_methods *b,
		     bool b_denies)
{
	if (is_everything(a, a_denies) || is_everything(b, b_denies))
		return true;
	a = written_out(a);
	b = written_out(b);
	for (size_t i = 0; i < a->count; i++) {
		if (is_among(b, a->names[i]))
			return true;
	}
	return false;
}
