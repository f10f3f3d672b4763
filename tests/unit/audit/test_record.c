#include "proxy/audit/record.h"

#include <jansson.h>

#include "proxy/audit/body.h"
#include "tests/unit/allocation.h"

static const int64_t TIME_US = 1795183402104518; /* 2026-11-20T14:03:22.104518Z */

static char body[AUDIT_BODY_MAX];

static void assert_body(const struct audit_record *record, const char *expected)
{
	size_t len = audit_record_format(record, body);

	assert_true(len < sizeof(body));
	body[len] = '\0';
	assert_string_equal(body, expected);
	assert_true(audit_body_is_sound(slice_of(body, len), NULL));
}

static struct audit_record http_record(void)
{
	struct audit_record record;

	audit_record_init(&record, AUDIT_HTTP, "a1b2");
	record.time_us = TIME_US;
	record.allow = true;
	record.rule = 0;
	record.host = SLICE_LITERAL("api.openai.com");
	record.port = 443;
	record.ip = SLICE_LITERAL("203.0.113.7");
	record.has_http = true;
	record.http.version = "2";
	record.http.method = SLICE_LITERAL("POST");
	record.http.path = SLICE_LITERAL("/v1/chat/completions");
	record.http.status = 200;
	return record;
}

static void an_allowed_request_is_written_as_designed(void **state)
{
	struct audit_record record = http_record();

	(void)state;
	record.has_tls = true;
	record.tls = (struct audit_tls){
		.sni = SLICE_LITERAL("api.openai.com"),
		.version = "TLSv1.3",
		.cipher = "TLS_AES_128_GCM_SHA256",
		.alpn = "h2",
		.resumed = true,
	};
	record.has_upstream = true;
	record.upstream = (struct audit_tls){.version = "TLSv1.2"};
	record.upstream_reused = true;
	record.http.request_bytes = 512;
	record.http.response_bytes = 2048;
	record.secret_count = 1;
	record.secrets[0] = (struct audit_secret){"OPENAI_API_KEY",
						  SLICE_LITERAL("header Authorization")};
	record.total_us = 182400;
	record.connect_us = 12100;
	assert_body(&record,
		    "{\"time\":\"2026-11-20T14:03:22.104518Z\",\"sandbox\":\"a1b2\","
		    "\"kind\":\"http\",\"verdict\":\"allow\",\"rule\":\"rules[0]\",\"reason\":null,"
		    "\"host\":\"api.openai.com\",\"port\":443,\"ip\":\"203.0.113.7\","
		    "\"tls\":{\"sni\":\"api.openai.com\",\"version\":\"TLSv1.3\","
		    "\"cipher\":\"TLS_AES_128_GCM_SHA256\",\"alpn\":\"h2\",\"resumed\":true},"
		    "\"upstream\":{\"version\":\"TLSv1.2\",\"cipher\":null,\"alpn\":null,"
		    "\"resumed\":false,\"reused\":true},"
		    "\"http\":{\"version\":\"2\",\"method\":\"POST\","
		    "\"path\":\"/v1/chat/completions\",\"status\":200,\"request_bytes\":512,"
		    "\"response_bytes\":2048},"
		    "\"secrets\":[{\"name\":\"OPENAI_API_KEY\",\"slot\":\"header Authorization\"}],"
		    "\"scrubbed\":0,\"ms\":{\"total\":182.4,\"connect\":12.1}}");
}

static void a_denied_request_says_why(void **state)
{
	struct audit_record record = http_record();

	(void)state;
	record.allow = false;
	record.rule = -1;
	record.reason = "no rule allows evil.example";
	record.host = SLICE_LITERAL("evil.example");
	record.ip = (struct slice){NULL, 0};
	record.http.status = 0;
	record.misuse_count = 1;
	record.misuses[0] = (struct audit_misuse){"KEY", "header", "blocked"};
	record.scrubbed = 3;
	assert_body(&record,
		    "{\"time\":\"2026-11-20T14:03:22.104518Z\",\"sandbox\":\"a1b2\","
		    "\"kind\":\"http\",\"verdict\":\"deny\",\"rule\":null,"
		    "\"reason\":\"no rule allows evil.example\","
		    "\"host\":\"evil.example\",\"port\":443,"
		    "\"http\":{\"version\":\"2\",\"method\":\"POST\","
		    "\"path\":\"/v1/chat/completions\",\"status\":null,\"request_bytes\":0,"
		    "\"response_bytes\":0},\"secrets\":[],"
		    "\"misuse\":[{\"name\":\"KEY\",\"place\":\"header\",\"action\":\"blocked\"}],"
		    "\"scrubbed\":3}");
}

static void a_websocket_has_its_counts(void **state)
{
	struct audit_record record;

	(void)state;
	audit_record_init(&record, AUDIT_HTTP, "a1b2");
	record.has_websocket = true;
	record.websocket.messages_up = 1;
	record.websocket.messages_down = 2;
	record.websocket.bytes_up = 3;
	record.websocket.bytes_down = UINT64_MAX;
	assert_body(&record, "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"sandbox\":\"a1b2\","
			     "\"kind\":\"http\",\"verdict\":\"deny\",\"rule\":null,\"reason\":null,"
			     "\"websocket\":{\"protocol\":null,\"messages_up\":1,"
			     "\"messages_down\":2,\"bytes_up\":3,"
			     "\"bytes_down\":9223372036854775807,\"close\":null,"
			     "\"closed_by\":null}}");
	record.websocket.protocol = SLICE_LITERAL("chat");
	record.websocket.close_code = 1000;
	record.websocket.closed_by = "client";
	body[audit_record_format(&record, body)] = '\0';
	assert_non_null(strstr(body, "\"websocket\":{\"protocol\":\"chat\","));
	assert_non_null(strstr(body, "\"close\":1000,\"closed_by\":\"client\"}"));
}

static void what_is_absent_is_left_out(void **state)
{
	struct audit_record record;

	(void)state;
	audit_record_init(&record, AUDIT_TCP, "a1b2");
	record.time_us = TIME_US;
	record.allow = true;
	record.would_deny = true;
	record.rule = 2147483647;
	record.error = "connection refused";
	record.has_bytes = true;
	record.bytes_up = UINT64_MAX;
	assert_body(&record, "{\"time\":\"2026-11-20T14:03:22.104518Z\",\"sandbox\":\"a1b2\","
			     "\"kind\":\"tcp\",\"verdict\":\"allow\",\"would_deny\":true,"
			     "\"rule\":\"rules[2147483647]\",\"reason\":null,"
			     "\"error\":\"connection refused\","
			     "\"bytes\":{\"up\":9223372036854775807,\"down\":0}}");
}

static void questions_packets_and_lives_have_their_members(void **state)
{
	struct audit_record record;

	(void)state;
	audit_record_init(&record, AUDIT_DNS, "a1b2");
	record.has_dns = true;
	record.dns.name = SLICE_LITERAL("evil.example");
	record.dns.type = 65280;
	record.dns.rcode = "NXDOMAIN";
	assert_body(&record, "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"sandbox\":\"a1b2\","
			     "\"kind\":\"dns\",\"verdict\":\"deny\",\"rule\":null,\"reason\":null,"
			     "\"dns\":{\"name\":\"evil.example\",\"type\":\"TYPE65280\","
			     "\"rcode\":\"NXDOMAIN\",\"answer\":null}}");

	audit_record_init(&record, AUDIT_PACKET, "a1b2");
	record.has_packet = true;
	record.packet.protocol = "udp";
	record.packet.source = SLICE_LITERAL("10.0.0.2");
	record.packet.source_port = 5353;
	record.packet.destination = SLICE_LITERAL("224.0.0.251");
	record.packet.destination_port = 5353;
	record.packet.suppressed = 12;
	record.packet.service = "mdns";
	assert_body(&record,
		    "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"sandbox\":\"a1b2\","
		    "\"kind\":\"packet\",\"verdict\":\"deny\",\"rule\":null,\"reason\":null,"
		    "\"packet\":{\"protocol\":\"udp\",\"source\":\"10.0.0.2\",\"source_port\":5353,"
		    "\"destination\":\"224.0.0.251\",\"destination_port\":5353,"
		    "\"suppressed\":12,\"service\":\"mdns\"}}");

	audit_record_init(&record, AUDIT_SANDBOX, "a1b2");
	record.has_life = true;
	record.life.event = "end";
	record.life.status = 0;
	assert_body(&record, "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"sandbox\":\"a1b2\","
			     "\"kind\":\"sandbox\",\"verdict\":null,\"rule\":null,\"reason\":null,"
			     "\"life\":{\"event\":\"end\",\"status\":0}}");
}

/* Threat C11: a Host field, a path or a user agent that holds a line end, terminal controls or a
 * forged member stays text inside its own member. */
static void text_from_a_sandbox_stays_text(void **state)
{
	struct audit_record record = http_record();
	struct slice expected = SLICE_LITERAL("/\n{\"v\":1}\r\x1b[2J\",\"verdict\":\"allow\"\x7f"
					      "\xef\xbf\xbd\xe2\x80\xae\0end");
	json_t *root, *path;
	size_t len;

	(void)state;
	record.http.path = SLICE_LITERAL("/\n{\"v\":1}\r\x1b[2J\",\"verdict\":\"allow\"\x7f\xff"
					 "\xe2\x80\xae\0end");
	len = audit_record_format(&record, body);
	assert_true(audit_body_is_sound(slice_of(body, len), NULL));
	for (size_t i = 0; i < len; i++)
		assert_true(body[i] >= 0x20 && body[i] < 0x7f);
	root = json_loadb(body, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	path = json_object_get(json_object_get(root, "http"), "path");
	assert_int_equal(json_string_length(path), expected.len);
	assert_memory_equal(json_string_value(path), expected.ptr, expected.len);
	json_decref(root);
}

/* Every member there is, every text as long as it can be made. */
static void fill(struct audit_record *record, char *text, size_t len)
{
	struct slice slice = slice_of(text, len);
	struct audit_tls tls = {slice, text, text, text, false};

	audit_record_init(record, AUDIT_SANDBOX, text);
	record->time_us = INT64_MAX;
	record->would_deny = true;
	record->rule = 2147483647;
	record->reason = record->error = text;
	record->host = record->ip = slice;
	record->port = 65535;
	record->has_tls = record->has_upstream = record->has_http = record->has_bytes = true;
	record->tls = record->upstream = tls;
	record->http.version = text;
	record->http.method = record->http.path = slice;
	record->http.status = INT32_MAX;
	record->http.request_bytes = record->http.response_bytes = UINT64_MAX;
	record->bytes_up = record->bytes_down = UINT64_MAX;
	for (size_t i = 0; i < AUDIT_SECRETS_MAX; i++)
		record->secrets[i] = (struct audit_secret){text, slice};
	for (size_t i = 0; i < AUDIT_MISUSES_MAX; i++)
		record->misuses[i] = (struct audit_misuse){text, text, text};
	record->secret_count = AUDIT_SECRETS_MAX;
	record->misuse_count = AUDIT_MISUSES_MAX;
	record->secrets_more = record->misuses_more = SIZE_MAX / 2;
	record->scrubbed = record->captured = UINT64_MAX;
	record->has_dns = record->has_packet = record->has_life = true;
	record->dns.name = slice;
	record->dns.type = 65535;
	record->dns.rcode = record->dns.answer = text;
	record->packet.protocol = text;
	record->packet.source = record->packet.destination = slice;
	record->packet.source_port = record->packet.destination_port = 65535;
	record->packet.suppressed = UINT64_MAX;
	record->packet.service = text;
	record->life.event = record->life.version = record->life.policy = text;
	record->has_websocket = true;
	record->websocket.messages_up = record->websocket.messages_down = UINT64_MAX;
	record->websocket.bytes_up = record->websocket.bytes_down = UINT64_MAX;
	record->websocket.protocol = slice;
	record->websocket.close_code = 4999;
	record->websocket.closed_by = text;
	record->life.policy_sha256 = record->life.mode = text;
	record->life.command = slice;
	record->life.status = INT32_MAX;
	record->life.lost = INT64_MAX;
	record->total_us = record->connect_us = INT64_MAX;
}

static void a_body_always_fits(void **state)
{
	/* One byte that stays one, some that become two or six, and whole characters. */
	static const char *const units[] = {
		"x", "\"", "\x01", "\xff", "\x80", "\xe2\x82\xac", "\xf3\xa0\x81\x81"};
	static const size_t lengths[] = {1, 20, 60, 200, 700, 4000, 60000};
	static char text[60001];
	struct audit_record record;

	(void)state;
	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
		for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
			for (size_t i = 0; i < lengths[l]; i++)
				text[i] = units[u][i % strlen(units[u])];
			text[lengths[l]] = '\0';
			fill(&record, text, lengths[l]);
			assert_true(audit_body_is_sound(
				slice_of(body, audit_record_format(&record, body)), NULL));
		}
	}
}

static void a_long_path_is_cut_and_marked(void **state)
{
	struct audit_record record = http_record();
	char path[5000];
	size_t len;

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	record.http.path = slice_of(path, sizeof(path));
	len = audit_record_format(&record, body);
	assert_true(audit_body_is_sound(slice_of(body, len), NULL));
	assert_non_null(memmem(body, len, "aaa...\",\"status\":200", 19));
	assert_true(len > 2048);
}

static void what_does_not_fit_is_counted(void **state)
{
	static char name[200];
	struct audit_record record;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	fill(&record, name, sizeof(name) - 1);
	record.secrets_more = 5;
	record.misuses_more = 0;
	body[audit_record_format(&record, body)] = '\0';
	assert_non_null(strstr(body, "\"secrets_more\":16,"));
	assert_non_null(strstr(body, "\"misuse_more\":6,"));
}

static void a_clock_that_is_wrong_is_survived(void **state)
{
	static const struct {
		int64_t time_us;
		const char *text;
	} rows[] = {
		{INT64_MIN, "1970-01-01T00:00:00.000000Z"},
		{-1, "1970-01-01T00:00:00.000000Z"},
		{253402300799999999, "9999-12-31T23:59:59.999999Z"},
		{INT64_MAX, "9999-12-31T23:59:59.999999Z"},
	};
	struct audit_record record = http_record();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		record.time_us = rows[i].time_us;
		audit_record_format(&record, body);
		assert_memory_equal(body + strlen("{\"time\":\""), rows[i].text,
				    strlen(rows[i].text));
	}
}

static void every_kind_has_a_name(void **state)
{
	(void)state;
	for (int kind = 0; kind < AUDIT_KIND_COUNT; kind++)
		assert_non_null(audit_kind_name((enum audit_kind)kind));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_allowed_request_is_written_as_designed),
		cmocka_unit_test(a_denied_request_says_why),
		cmocka_unit_test(a_websocket_has_its_counts),
		cmocka_unit_test(what_is_absent_is_left_out),
		cmocka_unit_test(questions_packets_and_lives_have_their_members),
		cmocka_unit_test(text_from_a_sandbox_stays_text),
		cmocka_unit_test(a_body_always_fits),
		cmocka_unit_test(a_long_path_is_cut_and_marked),
		cmocka_unit_test(what_does_not_fit_is_counted),
		cmocka_unit_test(a_clock_that_is_wrong_is_survived),
		cmocka_unit_test(every_kind_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
