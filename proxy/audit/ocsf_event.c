#include "proxy/audit/ocsf_event.h"

#include <arpa/inet.h>
#include <string.h>

#include "proxy/audit/member.h"

enum { OUTBOUND = 2, PORT_MAX = 65535, HTTP_STATUS_MAX = 999 };

static const struct protocol {
	const char *name;
	int number;
} protocols[] = {
	{"tcp", 6}, {"udp", 17}, {"icmp", 1}, {"icmpv6", 58}, {"ipv6-icmp", 58}, {"sctp", 132},
};

/* Of the names that DNS has for response codes, those that the schema numbers. */
static const struct rcode {
	const char *name;
	int id;
	const char *caption;
} rcodes[] = {
	{"NOERROR", 0, "NoError"},   {"FORMERR", 1, "FormError"}, {"SERVFAIL", 2, "ServError"},
	{"NXDOMAIN", 3, "NXDomain"}, {"NOTIMP", 4, "NotImp"},	  {"REFUSED", 5, "Refused"},
	{"BADVERS", 16, "BADVERS"},
};

void ocsf_put(struct ocsf *o, json_t *object, const char *name, json_t *value)
{
	if (!object)
		json_decref(value);
	else if (json_object_set_new(object, name, value) == 0)
		return;
	o->failed = true;
}

void ocsf_put_text(struct ocsf *o, json_t *object, const char *name, struct slice text)
{
	if (text.len)
		ocsf_put(o, object, name, json_stringn(text.ptr, text.len));
}

void ocsf_put_caption(struct ocsf *o, json_t *object, const char *name, const char *text)
{
	ocsf_put(o, object, name, json_string(text));
}

void ocsf_put_number(struct ocsf *o, json_t *object, const char *name, json_int_t number)
{
	ocsf_put(o, object, name, json_integer(number));
}

void ocsf_put_true(struct ocsf *o, json_t *object, const char *name)
{
	ocsf_put(o, object, name, json_true());
}

json_t *ocsf_open(struct ocsf *o, json_t *parent, const char *name)
{
	ocsf_put(o, parent, name, json_object());
	return json_object_get(parent, name);
}

void ocsf_close(struct ocsf *o, json_t *parent, const char *name)
{
	(void)o;
	if (json_object_size(json_object_get(parent, name)) == 0)
		json_object_del(parent, name);
}

/* MEMBER of RECORD as NAME of OBJECT, if it is a number from 0 to MAX. */
static void copy_number(struct ocsf *o, json_t *object, const char *name, const json_t *record,
			const char *member, json_int_t max)
{
	const json_t *value = json_object_get(record, member);

	if (json_is_integer(value) && json_integer_value(value) >= 0 &&
	    json_integer_value(value) <= max)
		ocsf_put_number(o, object, name, json_integer_value(value));
}

/* 4, 6, or 0 for what is no address. */
static int ip_version(struct slice text)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (!text.len || text.len >= sizeof(copy))
		return 0;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET, copy, &address) == 1)
		return 4;
	return inet_pton(AF_INET6, copy, &address) == 1 ? 6 : 0;
}

static void put_address(struct ocsf *o, json_t *endpoint, struct slice ip)
{
	if (ip_version(ip))
		ocsf_put_text(o, endpoint, "ip", ip);
}

static void put_source(struct ocsf *o, const json_t *record)
{
	const json_t *packet = json_object_get(record, "packet");
	json_t *source = ocsf_open(o, o->event, "src_endpoint");

	ocsf_put_text(o, source, "uid", member_text(record, "sandbox"));
	put_address(o, source, member_text(packet, "source"));
	copy_number(o, source, "port", packet, "source_port", PORT_MAX);
	ocsf_close(o, o->event, "src_endpoint");
}

/* What was asked for by an address has no name. */
static struct slice destination_address(const json_t *record)
{
	struct slice ip = member_text(record, "ip"), host = member_text(record, "host");

	if (!ip.len)
		ip = member_text(json_object_get(record, "packet"), "destination");
	return !ip.len && ip_version(host) ? host : ip;
}

static void put_destination(struct ocsf *o, const json_t *record)
{
	const json_t *packet = json_object_get(record, "packet");
	json_t *destination = ocsf_open(o, o->event, "dst_endpoint");
	struct slice host = member_text(record, "host");

	if (!ip_version(host))
		ocsf_put_text(o, destination, "hostname", host);
	put_address(o, destination, destination_address(record));
	copy_number(o, destination, "port", record, "port", PORT_MAX);
	copy_number(o, destination, "port", packet, "destination_port", PORT_MAX);
	ocsf_close(o, o->event, "dst_endpoint");
}

/* All but packets and UDP are streams. */
static struct slice protocol_of(const json_t *record)
{
	struct slice packet = member_text(json_object_get(record, "packet"), "protocol");

	if (packet.len)
		return packet;
	if (member_is(record, "kind", "udp") || member_is(record, "kind", "icmp"))
		return member_text(record, "kind");
	return member_is(record, "kind", "dns") || member_is(record, "kind", "packet")
		       ? SLICE_EMPTY
		       : SLICE_LITERAL("tcp");
}

static void put_protocol(struct ocsf *o, json_t *info, struct slice name)
{
	uint64_t number;

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (slice_equal(name, slice_from_text(protocols[i].name)))
			ocsf_put_number(o, info, "protocol_num", protocols[i].number);
	}
	if (name.len && slice_to_u64(name, 255, &number) == 0)
		ocsf_put_number(o, info, "protocol_num", (json_int_t)number);
	else
		ocsf_put_text(o, info, "protocol_name", name);
}

static void put_connection(struct ocsf *o, const json_t *record)
{
	json_t *info = ocsf_open(o, o->event, "connection_info");
	int version = ip_version(destination_address(record));

	ocsf_put_number(o, info, "direction_id", OUTBOUND);
	ocsf_put_caption(o, info, "direction", "Outbound");
	put_protocol(o, info, protocol_of(record));
	if (version)
		ocsf_put_number(o, info, "protocol_ver_id", version);
}

/* The sandbox's leg; the schema has room for one. It wants a version of each. */
static void put_tls(struct ocsf *o, const json_t *record)
{
	const json_t *leg = json_object_get(record, "tls");
	json_t *tls;

	if (!member_text(leg, "version").len)
		return;
	tls = ocsf_open(o, o->event, "tls");
	ocsf_put_text(o, tls, "version", member_text(leg, "version"));
	ocsf_put_text(o, tls, "cipher", member_text(leg, "cipher"));
	ocsf_put_text(o, tls, "sni", member_text(leg, "sni"));
}

static void put_traffic(struct ocsf *o, const json_t *record)
{
	const json_t *bytes = json_object_get(record, "bytes");
	const json_t *websocket = json_object_get(record, "websocket");
	json_t *traffic = ocsf_open(o, o->event, "traffic");

	copy_number(o, traffic, "bytes_out", bytes, "up", INT64_MAX);
	copy_number(o, traffic, "bytes_in", bytes, "down", INT64_MAX);
	copy_number(o, traffic, "bytes_out", websocket, "bytes_up", INT64_MAX);
	copy_number(o, traffic, "bytes_in", websocket, "bytes_down", INT64_MAX);
	ocsf_close(o, o->event, "traffic");
}

void ocsf_fill_network(struct ocsf *o, const json_t *record)
{
	put_source(o, record);
	put_destination(o, record);
	put_connection(o, record);
	put_tls(o, record);
	put_traffic(o, record);
}

/* Such a text would be cut when it is formatted. */
static bool has_nul(struct slice text)
{
	return memchr(text.ptr, '\0', text.len) != NULL;
}

/* The URL as people write it, without a port that is the scheme's own. */
static json_t *url_text(const json_t *record, const char *scheme, struct slice path)
{
	struct slice host = member_text(record, "host");
	json_int_t port = member_number(record, "port");
	bool is_own_port = port == 0 || port == (strcmp(scheme, "https") == 0 ? 443 : 80);
	bool is_ipv6 = ip_version(host) == 6;

	if (is_own_port)
		return json_sprintf("%s://%s%.*s%s%.*s", scheme, is_ipv6 ? "[" : "",
				    SLICE_ARGS(host), is_ipv6 ? "]" : "", SLICE_ARGS(path));
	return json_sprintf("%s://%s%.*s%s:%" JSON_INTEGER_FORMAT "%.*s", scheme,
			    is_ipv6 ? "[" : "", SLICE_ARGS(host), is_ipv6 ? "]" : "", port,
			    SLICE_ARGS(path));
}

static void put_url(struct ocsf *o, json_t *request, const json_t *record)
{
	const char *scheme = json_object_get(record, "tls") ? "https" : "http";
	struct slice path = member_text(json_object_get(record, "http"), "path");
	size_t end = slice_find_char(path, '?');
	json_t *url = ocsf_open(o, request, "url");

	ocsf_put_caption(o, url, "scheme", scheme);
	ocsf_put_text(o, url, "hostname", member_text(record, "host"));
	copy_number(o, url, "port", record, "port", PORT_MAX);
	ocsf_put_text(o, url, "path", slice_first(path, end));
	ocsf_put_text(o, url, "query_string", slice_from(path, end + 1));
	if (!has_nul(path) && !has_nul(member_text(record, "host")))
		ocsf_put(o, url, "url_string", url_text(record, scheme, path));
}

void ocsf_fill_http(struct ocsf *o, const json_t *record)
{
	const json_t *http = json_object_get(record, "http");
	json_t *request, *response;

	ocsf_fill_network(o, record);
	request = ocsf_open(o, o->event, "http_request");
	ocsf_put_text(o, request, "http_method", member_text(http, "method"));
	ocsf_put_text(o, request, "version", member_text(http, "version"));
	copy_number(o, request, "body_length", http, "request_bytes", INT64_MAX);
	put_url(o, request, record);
	if (!json_is_integer(json_object_get(http, "status")))
		return;
	response = ocsf_open(o, o->event, "http_response");
	copy_number(o, response, "code", http, "status", HTTP_STATUS_MAX);
	copy_number(o, response, "body_length", http, "response_bytes", INT64_MAX);
	ocsf_close(o, o->event, "http_response");
}

static void put_rcode(struct ocsf *o, struct slice name)
{
	for (size_t i = 0; i < sizeof(rcodes) / sizeof(rcodes[0]); i++) {
		if (slice_equal(name, slice_from_text(rcodes[i].name))) {
			ocsf_put_number(o, o->event, "rcode_id", rcodes[i].id);
			ocsf_put_caption(o, o->event, "rcode", rcodes[i].caption);
			return;
		}
	}
	if (name.len)
		ocsf_put_number(o, o->event, "rcode_id", 99);
	ocsf_put_text(o, o->event, "rcode", name);
}

void ocsf_fill_dns(struct ocsf *o, const json_t *record)
{
	const json_t *dns = json_object_get(record, "dns");
	json_t *query;

	ocsf_fill_network(o, record);
	query = ocsf_open(o, o->event, "query");
	ocsf_put_text(o, query, "hostname", member_text(dns, "name"));
	ocsf_put_text(o, query, "type", member_text(dns, "type"));
	ocsf_close(o, o->event, "query");
	put_rcode(o, member_text(dns, "rcode"));
}

void ocsf_fill_life(struct ocsf *o, const json_t *record)
{
	const json_t *life = json_object_get(record, "life");
	struct slice command = member_text(life, "command");
	json_t *app = ocsf_open(o, o->event, "app"), *policy;

	ocsf_put_text(o, app, "name", command.len ? command : SLICE_LITERAL("sandbox"));
	ocsf_put_text(o, app, "uid", member_text(record, "sandbox"));
	policy = ocsf_open(o, o->event, "policy");
	ocsf_put_text(o, policy, "name", member_text(life, "policy"));
	ocsf_put_text(o, policy, "uid", member_text(life, "policy_sha256"));
	ocsf_close(o, o->event, "policy");
	if (json_is_integer(json_object_get(life, "status")))
		ocsf_put(o, o->event, "status_code",
			 json_sprintf("%" JSON_INTEGER_FORMAT, member_number(life, "status")));
}

void ocsf_fill_nothing(struct ocsf *o, const json_t *record)
{
	(void)o;
	(void)record;
}
