#include "proxy/audit/record.h"

#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "base/wallclock.h"
#include "proxy/audit/dns_type.h"

/*
 * How many bytes of the line each text may take, escapes counted. A record is written with wide
 * bounds first, which hold for all that people do; when that does not fit, it is written again with
 * bounds so narrow that the sum of all texts and all names, each at its longest, is less than
 * AUDIT_BODY_MAX.
 */
struct bounds {
	size_t path;
	size_t host;
	size_t text;  /* reasons, and other sentences */
	size_t name;  /* of a secret, a slot, a policy */
	size_t token; /* of protocols: methods, versions, ciphers */
	size_t secrets;
	size_t misuses;
};

static const struct bounds wide = {
	.path = 2048,
	.host = 1024,
	.text = 512,
	.name = 128,
	.token = 64,
	.secrets = AUDIT_SECRETS_MAX,
	.misuses = AUDIT_MISUSES_MAX,
};

static const struct bounds narrow = {
	.path = 150,
	.host = 256,
	.text = 100,
	.name = 32,
	.token = 24,
	.secrets = 5,
	.misuses = 2,
};

enum {
	ESCAPE_MAX_BYTES = 6, /* that a byte of text becomes at most: \u001b */
	SANDBOX_BYTES = 64,
	ADDRESS_BYTES = 48,
	DIGEST_BYTES = 64,
	CLOSER_BYTES = 9,
};

static const int64_t LAST_TIME_US = 253402300799999999; /* the end of the year 9999 */

const char *audit_kind_name(enum audit_kind kind)
{
	static const char *const names[AUDIT_KIND_COUNT] = {
		[AUDIT_HTTP] = "http",	   [AUDIT_TLS] = "tls",	      [AUDIT_TCP] = "tcp",
		[AUDIT_UDP] = "udp",	   [AUDIT_DNS] = "dns",	      [AUDIT_PACKET] = "packet",
		[AUDIT_SECRET] = "secret", [AUDIT_POLICY] = "policy", [AUDIT_SANDBOX] = "sandbox",
	};

	assert((unsigned int)kind < AUDIT_KIND_COUNT);
	return names[kind];
}

void audit_record_init(struct audit_record *record, enum audit_kind kind, const char *sandbox)
{
	*record = (struct audit_record){
		.kind = kind,
		.sandbox = sandbox,
		.rule = -1,
		.total_us = -1,
		.connect_us = -1,
		.life = {.status = -1, .lost = -1},
	};
}

static size_t escaped_bytes(unsigned char c)
{
	if (c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t')
		return 2;
	return c >= 0x20 && c < 0x7f ? 1 : ESCAPE_MAX_BYTES;
}

/* How many bytes of VALUE surely take no more than BOUND once they are escaped. */
static size_t length_within(struct slice value, size_t bound)
{
	size_t sum;

	if (value.len <= bound / ESCAPE_MAX_BYTES)
		return value.len;
	sum = json_plain_length(slice_first(value, bound));
	for (size_t i = sum; i < value.len; i++) {
		sum += escaped_bytes((unsigned char)value.ptr[i]);
		if (sum > bound)
			return i;
	}
	return value.len;
}

static void write_slice(struct json *j, const char *name, struct slice value, size_t bound)
{
	if (value.ptr)
		json_text_cut(j, name, value, length_within(value, bound));
	else
		json_null(j, name);
}

static void write_text(struct json *j, const char *name, const char *value, size_t bound)
{
	write_slice(j, name, value ? slice_from_text(value) : (struct slice){NULL, 0}, bound);
}

static void write_count(struct json *j, const char *name, uint64_t value)
{
	json_number(j, name, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void write_time(struct json *j, int64_t time_us)
{
	char text[WALLCLOCK_TEXT_BYTES];

	if (time_us < 0)
		time_us = 0;
	if (time_us > LAST_TIME_US)
		time_us = LAST_TIME_US;
	wallclock_format(time_us, text);
	json_text(j, "time", slice_of(text, sizeof(text) - 1));
}

static void write_rule(struct json *j, int rule)
{
	char text[sizeof("rules[2147483647]")] = "rules[";
	char digits[10];
	size_t used = strlen(text), count = 0;

	if (rule < 0) {
		json_null(j, "rule");
		return;
	}
	do {
		digits[count++] = (char)('0' + rule % 10);
		rule /= 10;
	} while (rule);
	while (count)
		text[used++] = digits[--count];
	text[used++] = ']';
	json_text(j, "rule", slice_of(text, used));
}

/* What happens to a sandbox is no verdict. */
static const char *verdict_of(const struct audit_record *record)
{
	if (record->has_life)
		return NULL;
	return record->allow ? "allow" : "deny";
}

static void write_verdict(struct json *j, const struct audit_record *record, const struct bounds *b)
{
	write_time(j, record->time_us);
	write_text(j, "sandbox", record->sandbox, SANDBOX_BYTES);
	json_cstring(j, "kind", audit_kind_name(record->kind));
	json_cstring(j, "verdict", verdict_of(record));
	if (record->would_deny)
		json_boolean(j, "would_deny", true);
	write_rule(j, record->rule);
	write_text(j, "reason", record->reason, b->text);
	if (record->error)
		write_text(j, "error", record->error, b->text);
}

static void write_destination(struct json *j, const struct audit_record *record,
			      const struct bounds *b)
{
	if (record->host.ptr)
		write_slice(j, "host", record->host, b->host);
	if (record->port)
		json_number(j, "port", record->port);
	if (record->ip.ptr)
		write_slice(j, "ip", record->ip, ADDRESS_BYTES);
	if (record->proxy_ip.ptr)
		write_slice(j, "proxy", record->proxy_ip, ADDRESS_BYTES);
}

static void write_handshake(struct json *j, const struct audit_tls *tls, const struct bounds *b)
{
	write_text(j, "version", tls->version, b->token);
	write_text(j, "cipher", tls->cipher, b->token);
	write_text(j, "alpn", tls->alpn, b->token);
	json_boolean(j, "resumed", tls->resumed);
}

static void write_legs(struct json *j, const struct audit_record *record, const struct bounds *b)
{
	if (record->has_tls) {
		json_open_object(j, "tls");
		write_slice(j, "sni", record->tls.sni, b->host);
		write_handshake(j, &record->tls, b);
		json_close_object(j);
	}
	if (record->has_upstream) {
		json_open_object(j, "upstream");
		write_handshake(j, &record->upstream, b);
		json_boolean(j, "reused", record->upstream_reused);
		json_close_object(j);
	}
}

static void write_http(struct json *j, const struct audit_record *record, const struct bounds *b)
{
	json_open_object(j, "http");
	write_text(j, "version", record->http.version, b->token);
	write_slice(j, "method", record->http.method, b->token);
	write_slice(j, "path", record->http.path, b->path);
	if (record->http.status)
		json_number(j, "status", record->http.status);
	else
		json_null(j, "status");
	write_count(j, "request_bytes", record->http.request_bytes);
	write_count(j, "response_bytes", record->http.response_bytes);
	json_close_object(j);
}

static void write_websocket(struct json *j, const struct audit_record *record,
			    const struct bounds *b)
{
	json_open_object(j, "websocket");
	if (record->websocket.protocol.len)
		write_slice(j, "protocol", record->websocket.protocol, b->token);
	else
		json_null(j, "protocol");
	write_count(j, "messages_up", record->websocket.messages_up);
	write_count(j, "messages_down", record->websocket.messages_down);
	write_count(j, "bytes_up", record->websocket.bytes_up);
	write_count(j, "bytes_down", record->websocket.bytes_down);
	if (record->websocket.close_code)
		json_number(j, "close", record->websocket.close_code);
	else
		json_null(j, "close");
	write_text(j, "closed_by", record->websocket.closed_by, CLOSER_BYTES);
	json_close_object(j);
}

static void write_bytes(struct json *j, const struct audit_record *record)
{
	json_open_object(j, "bytes");
	write_count(j, "up", record->bytes_up);
	write_count(j, "down", record->bytes_down);
	json_close_object(j);
}

static void write_secrets(struct json *j, const struct audit_record *record, const struct bounds *b)
{
	size_t count = record->secret_count < b->secrets ? record->secret_count : b->secrets;
	size_t more = record->secrets_more + (record->secret_count - count);

	json_open_array(j, "secrets");
	for (size_t i = 0; i < count; i++) {
		json_open_object(j, NULL);
		write_text(j, "name", record->secrets[i].name, b->name);
		write_slice(j, "slot", record->secrets[i].slot, b->name);
		json_close_object(j);
	}
	json_close_array(j);
	if (more)
		write_count(j, "secrets_more", more);
}

static void write_misuses(struct json *j, const struct audit_record *record, const struct bounds *b)
{
	size_t count = record->misuse_count < b->misuses ? record->misuse_count : b->misuses;
	size_t more = record->misuses_more + (record->misuse_count - count);

	json_open_array(j, "misuse");
	for (size_t i = 0; i < count; i++) {
		json_open_object(j, NULL);
		write_text(j, "name", record->misuses[i].name, b->name);
		write_text(j, "place", record->misuses[i].place, b->token);
		write_text(j, "action", record->misuses[i].action, b->token);
		json_close_object(j);
	}
	json_close_array(j);
	if (more)
		write_count(j, "misuse_more", more);
}

static void write_dns(struct json *j, const struct audit_record *record, const struct bounds *b)
{
	char type[AUDIT_TYPE_BYTES];

	json_open_object(j, "dns");
	write_slice(j, "name", record->dns.name, b->host);
	json_text(j, "type", audit_dns_type(record->dns.type, type));
	write_text(j, "rcode", record->dns.rcode, b->token);
	write_text(j, "answer", record->dns.answer, b->token);
	json_close_object(j);
}

static void write_packet(struct json *j, const struct audit_record *record, const struct bounds *b)
{
	json_open_object(j, "packet");
	write_text(j, "protocol", record->packet.protocol, b->token);
	write_slice(j, "source", record->packet.source, ADDRESS_BYTES);
	if (record->packet.source_port)
		json_number(j, "source_port", record->packet.source_port);
	write_slice(j, "destination", record->packet.destination, ADDRESS_BYTES);
	if (record->packet.destination_port)
		json_number(j, "destination_port", record->packet.destination_port);
	write_count(j, "suppressed", record->packet.suppressed);
	if (record->packet.service)
		write_text(j, "service", record->packet.service, b->token);
	json_close_object(j);
}

static void write_life(struct json *j, const struct audit_record *record, const struct bounds *b)
{
	json_open_object(j, "life");
	write_text(j, "event", record->life.event, b->token);
	if (record->life.version)
		write_text(j, "version", record->life.version, b->token);
	if (record->life.policy)
		write_text(j, "policy", record->life.policy, b->name);
	if (record->life.policy_sha256)
		write_text(j, "policy_sha256", record->life.policy_sha256, DIGEST_BYTES);
	if (record->life.mode)
		write_text(j, "mode", record->life.mode, b->token);
	if (record->life.command.ptr)
		write_slice(j, "command", record->life.command, b->text);
	if (record->life.status >= 0)
		json_number(j, "status", record->life.status);
	if (record->life.lost >= 0)
		json_number(j, "lost", record->life.lost);
	json_close_object(j);
}

static void write_duration(struct json *j, const struct audit_record *record)
{
	if (record->total_us < 0)
		return;
	json_open_object(j, "ms");
	json_decimal(j, "total", record->total_us);
	if (record->connect_us >= 0)
		json_decimal(j, "connect", record->connect_us);
	json_close_object(j);
}

/* An HTTP record always says what was put in and taken out, even when that is nothing. */
static void write_secret_use(struct json *j, const struct audit_record *record,
			     const struct bounds *b)
{
	if (record->has_http || record->secret_count || record->secrets_more)
		write_secrets(j, record, b);
	if (record->misuse_count || record->misuses_more)
		write_misuses(j, record, b);
	if (record->has_http || record->scrubbed)
		write_count(j, "scrubbed", record->scrubbed);
	if (record->captured)
		write_count(j, "captured", record->captured);
}

static void write_record(struct json *j, const struct audit_record *record, const struct bounds *b)
{
	json_open_object(j, NULL);
	write_verdict(j, record, b);
	write_destination(j, record, b);
	write_legs(j, record, b);
	if (record->has_http)
		write_http(j, record, b);
	if (record->has_websocket)
		write_websocket(j, record, b);
	if (record->has_bytes)
		write_bytes(j, record);
	write_secret_use(j, record, b);
	if (record->has_dns)
		write_dns(j, record, b);
	if (record->has_packet)
		write_packet(j, record, b);
	if (record->has_life)
		write_life(j, record, b);
	write_duration(j, record);
	json_close_object(j);
}

size_t audit_record_format(const struct audit_record *record, char out[AUDIT_BODY_MAX])
{
	struct json j = json_of(out, AUDIT_BODY_MAX);

	assert(record->secret_count <= AUDIT_SECRETS_MAX);
	assert(record->misuse_count <= AUDIT_MISUSES_MAX);
	write_record(&j, record, &wide);
	if (j.error) {
		j = json_of(out, AUDIT_BODY_MAX);
		write_record(&j, record, &narrow);
	}
	assert(!j.error);
	return json_length(&j);
}
