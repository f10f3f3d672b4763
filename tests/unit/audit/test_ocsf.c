#include "proxy/audit/ocsf.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/audit/record.h"
#include "tests/unit/allocation.h"

static const char hash[] = "5f3c";

/* The event of a record that is written as JSON. */
static json_t *event_of(const char *text)
{
	json_t *record = json_loads(text, JSON_ALLOW_NUL, NULL), *event;

	assert_non_null(record);
	event = ocsf_event(record, hash, "9.9");
	json_decref(record);
	assert_non_null(event);
	return event;
}

static json_t *event_of_record(const struct audit_record *record)
{
	char body[AUDIT_BODY_MAX + 1];

	body[audit_record_format(record, body)] = '\0';
	return event_of(body);
}

/* The value at PATH, "http_request.url.path", as JSON; "" when it is not there. */
static const char *at(const json_t *event, const char *path)
{
	static char text[4096];
	char name[64];
	char *dumped;

	while (event && *path) {
		size_t len = strcspn(path, ".");

		memcpy(name, path, len);
		name[len] = '\0';
		event = json_object_get(event, name);
		path += len + (path[len] == '.');
	}
	if (!event)
		return "";
	dumped = json_dumps(event, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
	strcpy(text, dumped);
	free(dumped);
	return text;
}

struct expected {
	const char *path;
	const char *value;
};

/* Checks COUNT values and lets go of EVENT. */
static void assert_event(json_t *event, const struct expected *expected, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(at(event, expected[i].path), expected[i].value) != 0)
			fail_msg("%s is %s and not %s", expected[i].path,
				 at(event, expected[i].path), expected[i].value);
	}
	json_decref(event);
}

#define ASSERT_EVENT(event, ...)                                                                   \
	assert_event(event, (const struct expected[]){__VA_ARGS__},                                \
		     sizeof((const struct expected[]){__VA_ARGS__}) / sizeof(struct expected))

static struct audit_record record_of(enum audit_kind kind)
{
	struct audit_record record;

	audit_record_init(&record, kind, "a1b2");
	record.time_us = 1795183402104518;
	return record;
}

static struct audit_record request(void)
{
	struct audit_record record = record_of(AUDIT_HTTP);

	record.allow = true;
	record.rule = 3;
	record.host = SLICE_LITERAL("api.example.com");
	record.port = 8443;
	record.ip = SLICE_LITERAL("203.0.113.7");
	record.has_tls = true;
	record.tls = (struct audit_tls){
		.sni = SLICE_LITERAL("api.example.com"),
		.version = "TLSv1.3",
		.cipher = "TLS_AES_128_GCM_SHA256",
		.alpn = "h2",
	};
	record.has_http = true;
	record.http.version = "2";
	record.http.method = SLICE_LITERAL("POST");
	record.http.path = SLICE_LITERAL("/v1/chat?a=1&b=?");
	record.http.status = 200;
	record.http.request_bytes = 512;
	record.http.response_bytes = 2048;
	record.total_us = 182400;
	return record;
}

static void a_request_is_http_activity(void **state)
{
	struct audit_record record = request();

	(void)state;
	ASSERT_EVENT(event_of_record(&record), {"time", "1795183402104"}, {"category_uid", "4"},
		     {"class_uid", "4002"}, {"class_name", "\"HTTP Activity\""},
		     {"activity_id", "6"}, {"activity_name", "\"Post\""}, {"type_uid", "400206"},
		     {"severity_id", "1"}, {"status_id", "1"}, {"action_id", "1"},
		     {"disposition_id", "1"},
		     {"firewall_rule", "{\"name\":\"rules[3]\",\"uid\":\"rules[3]\"}"},
		     {"message", "\"allowed by rules[3]\""}, {"duration", "182"}, {"is_alert", ""},
		     {"src_endpoint", "{\"uid\":\"a1b2\"}"},
		     {"dst_endpoint",
		      "{\"hostname\":\"api.example.com\",\"ip\":\"203.0.113.7\",\"port\":8443}"},
		     {"connection_info",
		      "{\"direction\":\"Outbound\",\"direction_id\":2,\"protocol_name\":\"tcp\","
		      "\"protocol_num\":6,\"protocol_ver_id\":4}"},
		     {"tls", "{\"cipher\":\"TLS_AES_128_GCM_SHA256\",\"sni\":\"api.example.com\","
			     "\"version\":\"TLSv1.3\"}"},
		     {"http_request.http_method", "\"POST\""}, {"http_request.version", "\"2\""},
		     {"http_request.body_length", "512"},
		     {"http_request.url",
		      "{\"hostname\":\"api.example.com\",\"path\":\"/v1/"
		      "chat\",\"port\":8443,\"query_string\":\"a=1&b=?\",\"scheme\":\"https\","
		      "\"url_string\":\"https://api.example.com:8443/v1/chat?a=1&b=?\"}"},
		     {"http_response", "{\"body_length\":2048,\"code\":200}"},
		     {"metadata.version", "\"1.5.0\""}, {"metadata.uid", "\"5f3c\""},
		     {"metadata.product",
		      "{\"name\":\"Sallyport\",\"vendor_name\":\"Sallyport\",\"version\":\"9.9\"}"},
		     {"metadata.profiles", "[\"security_control\"]"},
		     {"metadata.original_time", "\"2026-11-20T14:03:22.104518Z\""},
		     {"metadata.event_code", "\"http\""});
}

static void a_denied_request_is_blocked(void **state)
{
	struct audit_record record = request();

	(void)state;
	record.allow = false;
	record.rule = -1;
	record.reason = "no rule allows api.example.com";
	record.has_tls = false;
	record.port = 80;
	record.http.method = SLICE_LITERAL("PATCH");
	record.http.status = 403;
	ASSERT_EVENT(event_of_record(&record), {"activity_id", "99"},
		     {"activity_name", "\"PATCH\""}, {"type_uid", "400299"}, {"severity_id", "2"},
		     {"status_id", "2"}, {"status_detail", "\"no rule allows api.example.com\""},
		     {"message", "\"no rule allows api.example.com\""}, {"action_id", "2"},
		     {"action", "\"Denied\""}, {"disposition_id", "2"}, {"firewall_rule", ""},
		     {"http_request.url.url_string", "\"http://api.example.com/v1/chat?a=1&b=?\""});
}

static void what_observe_mode_lets_pass_is_detected(void **state)
{
	struct audit_record record = request();

	(void)state;
	record.would_deny = true;
	record.reason = "no rule";
	ASSERT_EVENT(event_of_record(&record), {"action_id", "3"}, {"disposition_id", "15"},
		     {"disposition", "\"Detected\""}, {"status_id", "1"}, {"severity_id", "2"},
		     {"unmapped.would_deny", "true"});
}

static void a_misused_placeholder_is_an_alert(void **state)
{
	struct audit_record record = request();

	(void)state;
	record.misuse_count = 1;
	record.misuses[0] = (struct audit_misuse){"KEY", "body", "blocked"};
	ASSERT_EVENT(event_of_record(&record), {"severity_id", "4"}, {"is_alert", "true"},
		     {"unmapped.misuse",
		      "[{\"action\":\"blocked\",\"name\":\"KEY\",\"place\":\"body\"}]"});
}

static void streams_and_packets_are_network_activity(void **state)
{
	struct audit_record record = record_of(AUDIT_TCP);

	(void)state;
	record.allow = true;
	record.host = SLICE_LITERAL("2001:db8::1");
	record.port = 22;
	record.has_bytes = true;
	record.bytes_up = 10;
	record.bytes_down = 20;
	ASSERT_EVENT(event_of_record(&record), {"class_uid", "4001"}, {"activity_id", "6"},
		     {"type_uid", "400106"}, {"traffic", "{\"bytes_in\":20,\"bytes_out\":10}"},
		     {"dst_endpoint", "{\"ip\":\"2001:db8::1\",\"port\":22}"},
		     {"connection_info.protocol_ver_id", "6"}, {"unmapped.bytes", ""});
	record.has_bytes = false;
	record.error = "connection refused";
	ASSERT_EVENT(event_of_record(&record), {"activity_id", "4"}, {"activity_name", "\"Fail\""},
		     {"status_id", "2"}, {"action_id", "1"});
	record = record_of(AUDIT_PACKET);
	record.has_packet = true;
	record.packet.protocol = "132";
	record.packet.source = SLICE_LITERAL("198.18.0.1");
	record.packet.source_port = 9;
	record.packet.destination = SLICE_LITERAL("192.0.2.1");
	record.packet.destination_port = 7;
	record.packet.suppressed = 5;
	ASSERT_EVENT(event_of_record(&record), {"class_uid", "4001"}, {"activity_id", "5"},
		     {"src_endpoint", "{\"ip\":\"198.18.0.1\",\"port\":9,\"uid\":\"a1b2\"}"},
		     {"dst_endpoint", "{\"ip\":\"192.0.2.1\",\"port\":7}"},
		     {"connection_info.protocol_num", "132"}, {"connection_info.protocol_name", ""},
		     {"unmapped.packet.suppressed", "5"});
}

static void a_request_that_never_came_is_network_activity(void **state)
{
	struct audit_record record = record_of(AUDIT_HTTP);

	(void)state;
	record.host = SLICE_LITERAL("api.example.com");
	ASSERT_EVENT(event_of_record(&record), {"class_uid", "4001"}, {"activity_id", "5"},
		     {"http_request", ""});
}

static void a_request_without_an_answer_loses_nothing(void **state)
{
	struct audit_record record = request();

	(void)state;
	record.http.status = 0;
	ASSERT_EVENT(event_of_record(&record), {"http_response", ""},
		     {"unmapped.http.response_bytes", "2048"});
}

static void queries_are_dns_activity(void **state)
{
	struct audit_record record = record_of(AUDIT_DNS);

	(void)state;
	record.has_dns = true;
	record.dns.name = SLICE_LITERAL("evil.example");
	record.dns.type = 28;
	record.dns.rcode = "NXDOMAIN";
	ASSERT_EVENT(event_of_record(&record), {"class_uid", "4003"}, {"type_uid", "400306"},
		     {"query", "{\"hostname\":\"evil.example\",\"type\":\"AAAA\"}"},
		     {"rcode_id", "3"}, {"rcode", "\"NXDomain\""}, {"disposition_id", "2"});
	record.dns.rcode = NULL;
	ASSERT_EVENT(event_of_record(&record), {"activity_id", "1"}, {"rcode_id", ""});
}

static void lives_are_of_an_application(void **state)
{
	struct audit_record record = record_of(AUDIT_SANDBOX);

	(void)state;
	record.has_life = true;
	record.life.event = "start";
	record.life.policy = "agent.yaml";
	record.life.policy_sha256 = "abcd";
	record.life.command = SLICE_LITERAL("python3");
	ASSERT_EVENT(event_of_record(&record), {"class_uid", "6002"}, {"category_uid", "6"},
		     {"type_uid", "600203"}, {"app", "{\"name\":\"python3\",\"uid\":\"a1b2\"}"},
		     {"policy", "{\"name\":\"agent.yaml\",\"uid\":\"abcd\"}"}, {"action_id", ""},
		     {"metadata.profiles", ""}, {"message", "\"sandbox start\""});
	record.life.event = "end";
	record.life.status = 3;
	ASSERT_EVENT(event_of_record(&record), {"type_uid", "600204"}, {"status_code", "\"3\""});
	record.life.event = "killed";
	ASSERT_EVENT(event_of_record(&record), {"type_uid", "600204"}, {"severity_id", "4"});
	record.life.event = "worker-lost";
	ASSERT_EVENT(event_of_record(&record), {"type_uid", "600299"},
		     {"activity_name", "\"worker-lost\""}, {"severity_id", "3"});
	record.life.event = "of-a-later-version";
	ASSERT_EVENT(event_of_record(&record), {"type_uid", "600299"},
		     {"activity_name", "\"of-a-later-version\""});
}

static void what_has_no_field_is_kept(void **state)
{
	(void)state;
	ASSERT_EVENT(event_of("{\"v\":1,\"seq\":7,\"kind\":\"udp\",\"new\":{\"a\":[1]},\"ms\":{"
			      "\"connect\":1.5},\"prev\":\"00\"}"),
		     {"unmapped", "{\"ms\":{\"connect\":1.5},\"new\":{\"a\":[1]},\"prev\":\"00\","
				  "\"seq\":7}"},
		     {"metadata.sequence", "7"}, {"metadata.log_version", "\"1\""},
		     {"connection_info.protocol_name", "\"udp\""});
	ASSERT_EVENT(event_of("{\"kind\":\"policy\",\"verdict\":\"allow\"}"), {"class_uid", "0"},
		     {"category_uid", "0"}, {"type_uid", "99"}, {"activity_name", "\"policy\""});
}

/* Anybody may have written the file. */
static void records_of_wrong_types_are_taken_as_they_are(void **state)
{
	(void)state;
	ASSERT_EVENT(event_of("{}"), {"class_uid", "0"}, {"time", "0"}, {"unmapped", ""});
	ASSERT_EVENT(event_of("{\"kind\":1,\"time\":[],\"host\":{},\"port\":\"x\",\"ms\":7,"
			      "\"rule\":1,\"packet\":3,\"life\":[],\"misuse\":{},\"seq\":\"\"}"),
		     {"class_uid", "0"}, {"metadata.sequence", "0"});
	ASSERT_EVENT(event_of("{\"kind\":\"http\",\"http\":{\"path\":\"/a\\u0000b\",\"status\":-1,"
			      "\"request_bytes\":-5},\"port\":99999,\"ip\":\"no address\","
			      "\"ms\":{\"total\":-3},\"host\":\"h\"}"),
		     {"class_uid", "4002"}, {"dst_endpoint", "{\"hostname\":\"h\"}"},
		     {"http_request.url",
		      "{\"hostname\":\"h\",\"path\":\"/a\\u0000b\",\"scheme\":\"http\"}"},
		     {"http_response", ""}, {"duration", ""});
}

/* jansson's allocations are its own, unless they are made through here. */
static void *allocate(size_t size)
{
	return malloc(size);
}

static int make_event(void *context)
{
	json_t *event = ocsf_event(context, hash, "9.9");

	json_decref(event);
	return event ? 0 : -1;
}

static void running_out_of_memory_is_told(void **state)
{
	struct audit_record record = request();
	char body[AUDIT_BODY_MAX + 1];
	json_t *parsed;

	(void)state;
	body[audit_record_format(&record, body)] = '\0';
	json_set_alloc_funcs(allocate, free);
	parsed = json_loads(body, 0, NULL);
	allocation_try_all(make_event, parsed, false);
	json_decref(parsed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_http_activity),
		cmocka_unit_test(a_denied_request_is_blocked),
		cmocka_unit_test(what_observe_mode_lets_pass_is_detected),
		cmocka_unit_test(a_misused_placeholder_is_an_alert),
		cmocka_unit_test(streams_and_packets_are_network_activity),
		cmocka_unit_test(a_request_that_never_came_is_network_activity),
		cmocka_unit_test(a_request_without_an_answer_loses_nothing),
		cmocka_unit_test(queries_are_dns_activity),
		cmocka_unit_test(lives_are_of_an_application),
		cmocka_unit_test(what_has_no_field_is_kept),
		cmocka_unit_test(records_of_wrong_types_are_taken_as_they_are),
		cmocka_unit_test(running_out_of_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
