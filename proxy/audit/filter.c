#include "proxy/audit/filter.h"

#include <string.h>

#include "proxy/audit/member.h"
#include "proxy/audit/moment.h"

const char *const *audit_filter_verdicts(void)
{
	static const char *const verdicts[] = {"allow", "deny", "would-deny", NULL};

	return verdicts;
}

static bool would_deny(const json_t *record)
{
	return json_is_true(json_object_get(record, "would_deny"));
}

static bool has_verdict(const json_t *record, const char *verdict)
{
	if (strcmp(verdict, "would-deny") == 0)
		return would_deny(record);
	/* What is only let pass is not what the policy allows. */
	return member_is(record, "verdict", verdict) && !would_deny(record);
}

static bool is_host(struct slice name, struct slice wanted)
{
	struct slice below = slice_from(wanted, 1);

	if (!slice_starts_with(wanted, SLICE_LITERAL("*.")))
		return slice_equal_nocase(name, wanted);
	return name.len > below.len &&
	       slice_equal_nocase(slice_from(name, name.len - below.len), below);
}

static bool has_host(const json_t *record, const char *host)
{
	const json_t *dns = json_object_get(record, "dns"), *tls = json_object_get(record, "tls");
	const json_t *packet = json_object_get(record, "packet");
	const struct slice names[] = {
		member_text(record, "host"),
		member_text(record, "ip"),
		member_text(tls, "sni"),
		member_text(dns, "name"),
		member_text(packet, "destination"),
	};
	struct slice wanted = slice_from_text(host);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct slice name = names[i];

		/* A query's name may end in the root's dot. */
		if (name.len > 1 && name.ptr[name.len - 1] == '.')
			name.len--;
		if (name.len && is_host(name, wanted))
			return true;
	}
	return false;
}

static bool has_rule(const json_t *record, const char *wanted)
{
	struct slice rule = member_text(record, "rule"), before = SLICE_LITERAL("rules[");

	if (!wanted[0] || slice_equal(rule, slice_from_text(wanted)))
		return wanted[0];
	if (!slice_starts_with(rule, before) || !slice_ends_with(rule, SLICE_LITERAL("]")))
		return false;
	rule = slice_from(rule, before.len);
	return slice_equal(slice_first(rule, rule.len - 1), slice_from_text(wanted));
}

static bool names_secret(const json_t *list, const char *secret)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		if (member_is(entry, "name", secret))
			return true;
	}
	return false;
}

static bool is_of_time(const struct audit_filter *filter, const json_t *record)
{
	int64_t us;

	if (!filter->has_since && !filter->has_until)
		return true;
	return moment_parse(member_text(record, "time"), &us) == 0 &&
	       (!filter->has_since || us >= filter->since_us) &&
	       (!filter->has_until || us < filter->until_us);
}

bool audit_filter_matches(const struct audit_filter *filter, const json_t *record)
{
	if (filter->kind && !member_is(record, "kind", filter->kind))
		return false;
	if (filter->sandbox && !member_is(record, "sandbox", filter->sandbox))
		return false;
	if (filter->verdict && !has_verdict(record, filter->verdict))
		return false;
	if (filter->denied && !member_is(record, "verdict", "deny") && !would_deny(record))
		return false;
	if (filter->host && !has_host(record, filter->host))
		return false;
	if (filter->rule && !has_rule(record, filter->rule))
		return false;
	if (filter->secret && !names_secret(json_object_get(record, "secrets"), filter->secret) &&
	    !names_secret(json_object_get(record, "misuse"), filter->secret))
		return false;
	return is_of_time(filter, record);
}
