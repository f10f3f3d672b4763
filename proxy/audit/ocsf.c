#include "proxy/audit/ocsf.h"

#include <string.h>

#include "proxy/audit/member.h"
#include "proxy/audit/moment.h"
#include "proxy/audit/ocsf_event.h"

/* A number of the schema and its caption. */
struct value {
	int id;
	const char *caption;
};

enum { OTHER = 99 };

enum severity { INFORMATIONAL = 1, LOW, MEDIUM, HIGH };

static const char *const severities[] = {
	[INFORMATIONAL] = "Informational", [LOW] = "Low", [MEDIUM] = "Medium", [HIGH] = "High"};

/* What the life of a sandbox is as an activity, and how grave. */
static const struct life {
	const char *event;
	struct value activity;
	enum severity severity;
} lives[] = {
	{"start", {3, "Start"}, INFORMATIONAL},
	{"end", {4, "Stop"}, INFORMATIONAL},
	{"killed", {4, "Stop"}, HIGH},
	{"worker-lost", {OTHER, "worker-lost"}, MEDIUM},
	{"log-blocked", {OTHER, "log-blocked"}, MEDIUM},
	{"log-resumed", {OTHER, "log-resumed"}, LOW},
	{"log-reopened", {OTHER, "log-reopened"}, INFORMATIONAL},
	{"bad-record", {OTHER, "bad-record"}, HIGH},
};

/* PATCH has a number of its own in later versions only. */
static const struct method {
	const char *name;
	struct value activity;
} methods[] = {
	{"CONNECT", {1, "Connect"}}, {"DELETE", {2, "Delete"}},	  {"GET", {3, "Get"}},
	{"HEAD", {4, "Head"}},	     {"OPTIONS", {5, "Options"}}, {"POST", {6, "Post"}},
	{"PUT", {7, "Put"}},	     {"TRACE", {8, "Trace"}},
};

/* Members of a record whose every part has a field. All others stay in "unmapped" whole. */
static const char *const mapped[] = {"v",    "time",   "sandbox", "kind", "verdict",
				     "rule", "reason", "host",	  "port", "ip"};

static const struct life *find_life(const json_t *record)
{
	const json_t *life = json_object_get(record, "life");

	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		if (member_is(life, "event", lives[i].event))
			return &lives[i];
	}
	return NULL;
}

static bool is_denied(const json_t *record)
{
	return member_is(record, "verdict", "deny");
}

static bool would_be_denied(const json_t *record)
{
	return json_is_true(json_object_get(record, "would_deny"));
}

static struct slice failure_of(const json_t *record)
{
	struct slice reason = member_text(record, "reason");

	return reason.len ? reason : member_text(record, "error");
}

static struct value http_activity(const json_t *record, struct ocsf_text *other)
{
	struct slice name = member_text(json_object_get(record, "http"), "method");

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (slice_equal(name, slice_from_text(methods[i].name)))
			return methods[i].activity;
	}
	other->text = name;
	return name.len ? (struct value){OTHER, NULL} : (struct value){0, "Unknown"};
}

static struct value dns_activity(const json_t *record, struct ocsf_text *other)
{
	(void)other;
	if (member_text(json_object_get(record, "dns"), "rcode").len)
		return (struct value){6, "Traffic"};
	return (struct value){1, "Query"};
}

static struct value network_activity(const json_t *record, struct ocsf_text *other)
{
	(void)other;
	if (is_denied(record))
		return (struct value){5, "Refuse"};
	if (member_text(record, "error").len && !json_object_get(record, "bytes"))
		return (struct value){4, "Fail"};
	return (struct value){6, "Traffic"};
}

static struct value life_activity(const json_t *record, struct ocsf_text *other)
{
	const struct life *life = find_life(record);

	if (life)
		return life->activity;
	other->text = member_text(json_object_get(record, "life"), "event");
	return other->text.len ? (struct value){OTHER, NULL} : (struct value){0, "Unknown"};
}

static struct value other_activity(const json_t *record, struct ocsf_text *other)
{
	other->text = member_text(record, "kind");
	return (struct value){OTHER, NULL};
}

/* A class of events. */
struct class
{
	int uid;
	const char *name;
	int category_uid;
	const char *category_name;
	struct value (*activity)(const json_t *record, struct ocsf_text *other);
	void (*fill)(struct ocsf *o, const json_t *record);
};

static const struct class http_class = {4002,	       "HTTP Activity", 4, "Network Activity",
					http_activity, ocsf_fill_http};
static const struct class dns_class = {4003,	     "DNS Activity", 4, "Network Activity",
				       dns_activity, ocsf_fill_dns};
static const struct class network_class = {
	4001, "Network Activity", 4, "Network Activity", network_activity, ocsf_fill_network};
static const struct class life_class = {
	6002, "Application Lifecycle", 6, "Application Activity", life_activity, ocsf_fill_life};
static const struct class base_class = {
	0, "Base Event", 0, "Uncategorized", other_activity, ocsf_fill_nothing};

static const struct class *class_of(const json_t *record)
{
	struct slice kind = member_text(record, "kind");

	if (slice_equal(kind, SLICE_LITERAL("http")))
		return json_is_object(json_object_get(record, "http")) ? &http_class
								       : &network_class;
	if (slice_equal(kind, SLICE_LITERAL("dns")))
		return &dns_class;
	if (slice_equal(kind, SLICE_LITERAL("sandbox")))
		return &life_class;
	if (slice_equal(kind, SLICE_LITERAL("secret")) ||
	    slice_equal(kind, SLICE_LITERAL("policy")) || !kind.len)
		return &base_class;
	return &network_class;
}

static void put_class(struct ocsf *o, const json_t *record, const struct class *class)
{
	struct ocsf_text other = {SLICE_EMPTY};
	struct value activity = class->activity(record, &other);

	ocsf_put_number(o, o->event, "category_uid", class->category_uid);
	ocsf_put_caption(o, o->event, "category_name", class->category_name);
	ocsf_put_number(o, o->event, "class_uid", class->uid);
	ocsf_put_caption(o, o->event, "class_name", class->name);
	ocsf_put_number(o, o->event, "activity_id", activity.id);
	if (activity.caption)
		ocsf_put_caption(o, o->event, "activity_name", activity.caption);
	else
		ocsf_put_text(o, o->event, "activity_name", other.text);
	ocsf_put_number(o, o->event, "type_uid", class->uid * 100 + activity.id);
}

static enum severity severity_of(const json_t *record)
{
	const struct life *life = find_life(record);

	if (life)
		return life->severity;
	if (json_array_size(json_object_get(record, "misuse")))
		return HIGH;
	if (is_denied(record) || would_be_denied(record) || member_text(record, "error").len)
		return LOW;
	return INFORMATIONAL;
}

static void put_outcome(struct ocsf *o, const json_t *record)
{
	struct slice failure = failure_of(record);
	bool failed = is_denied(record) || member_text(record, "error").len;
	enum severity severity = severity_of(record);

	ocsf_put_number(o, o->event, "severity_id", severity);
	ocsf_put_caption(o, o->event, "severity", severities[severity]);
	ocsf_put_number(o, o->event, "status_id", failed ? 2 : 1);
	ocsf_put_caption(o, o->event, "status", failed ? "Failure" : "Success");
	ocsf_put_text(o, o->event, "status_detail", failure);
}

/* What observe mode lets pass was neither allowed nor denied by a rule. */
static void put_control(struct ocsf *o, const json_t *record)
{
	static const struct control {
		struct value action, disposition;
	} allowed = {{1, "Allowed"}, {1, "Allowed"}}, denied = {{2, "Denied"}, {2, "Blocked"}},
	  observed = {{3, "Observed"}, {15, "Detected"}};
	const struct control *control = would_be_denied(record) ? &observed
					: is_denied(record)	? &denied
								: &allowed;
	struct slice rule = member_text(record, "rule");
	json_t *object;

	if (!member_text(record, "verdict").len)
		return;
	ocsf_put_number(o, o->event, "action_id", control->action.id);
	ocsf_put_caption(o, o->event, "action", control->action.caption);
	ocsf_put_number(o, o->event, "disposition_id", control->disposition.id);
	ocsf_put_caption(o, o->event, "disposition", control->disposition.caption);
	object = ocsf_open(o, o->event, "firewall_rule");
	ocsf_put_text(o, object, "uid", rule);
	ocsf_put_text(o, object, "name", rule);
	ocsf_close(o, o->event, "firewall_rule");
	if (severity_of(record) >= HIGH)
		ocsf_put_true(o, o->event, "is_alert");
}

static void put_message(struct ocsf *o, const json_t *record)
{
	struct slice failure = failure_of(record), rule = member_text(record, "rule");
	struct slice event = member_text(json_object_get(record, "life"), "event");

	if (failure.len)
		ocsf_put_text(o, o->event, "message", failure);
	else if (event.len)
		ocsf_put(o, o->event, "message", json_sprintf("sandbox %.*s", SLICE_ARGS(event)));
	else if (rule.len)
		ocsf_put(o, o->event, "message", json_sprintf("allowed by %.*s", SLICE_ARGS(rule)));
}

static void put_metadata(struct ocsf *o, const json_t *record, const char *hash,
			 const char *product_version)
{
	json_t *metadata = ocsf_open(o, o->event, "metadata");
	json_t *product = ocsf_open(o, metadata, "product");

	ocsf_put_caption(o, metadata, "version", OCSF_VERSION);
	ocsf_put_caption(o, product, "name", "Sallyport");
	ocsf_put_caption(o, product, "vendor_name", "Sallyport");
	ocsf_put_caption(o, product, "version", product_version);
	if (member_text(record, "verdict").len) {
		json_t *profiles = json_array();

		if (json_array_append_new(profiles, json_string("security_control")) < 0)
			o->failed = true;
		ocsf_put(o, metadata, "profiles", profiles);
	}
	ocsf_put_caption(o, metadata, "uid", hash);
	ocsf_put_number(o, metadata, "sequence", member_number(record, "seq"));
	ocsf_put_text(o, metadata, "event_code", member_text(record, "kind"));
	ocsf_put_text(o, metadata, "original_time", member_text(record, "time"));
	ocsf_put_caption(o, metadata, "log_name", "audit");
	if (json_is_integer(json_object_get(record, "v")))
		ocsf_put(o, metadata, "log_version",
			 json_sprintf("%" JSON_INTEGER_FORMAT, member_number(record, "v")));
}

static void put_time(struct ocsf *o, const json_t *record)
{
	const json_t *total = json_object_get(json_object_get(record, "ms"), "total");
	int64_t us;

	if (moment_parse(member_text(record, "time"), &us) < 0)
		us = 0;
	ocsf_put_number(o, o->event, "time", us / 1000);
	if (json_is_number(total) && json_number_value(total) >= 0 &&
	    json_number_value(total) < 1e15)
		ocsf_put_number(o, o->event, "duration",
				(json_int_t)(json_number_value(total) + 0.5));
}

/* Those that have their fields in some events only. */
static bool is_mapped(const struct ocsf *o, const char *name)
{
	if (strcmp(name, "http") == 0)
		return json_object_get(o->event, "http_response") != NULL;
	if (strcmp(name, "bytes") == 0)
		return json_object_get(o->event, "traffic") != NULL;
	return slice_is_one_of(slice_from_text(name), mapped, sizeof(mapped) / sizeof(mapped[0]));
}

static void put_unmapped(struct ocsf *o, json_t *record)
{
	json_t *unmapped = ocsf_open(o, o->event, "unmapped"), *value;
	const char *name;

	json_object_foreach(record, name, value)
	{
		if (!is_mapped(o, name))
			ocsf_put(o, unmapped, name, json_incref(value));
	}
	ocsf_close(o, o->event, "unmapped");
}

json_t *ocsf_event(json_t *record, const char *hash, const char *product_version)
{
	const struct class *class = class_of(record);
	struct ocsf o = {.event = json_object()};

	put_time(&o, record);
	put_class(&o, record, class);
	put_outcome(&o, record);
	put_control(&o, record);
	put_message(&o, record);
	class->fill(&o, record);
	put_metadata(&o, record, hash, product_version);
	put_unmapped(&o, record);
	if (!o.event || o.failed) {
		json_decref(o.event);
		return NULL;
	}
	return o.event;
}
