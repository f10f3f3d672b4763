#include "proxy/audit/display.h"

#include <string.h>
#include <time.h>

#include "proxy/audit/member.h"
#include "proxy/audit/shown.h"

enum colour {
	COLOUR_NONE,
	COLOUR_DIM,
	COLOUR_RED,
	COLOUR_GREEN,
	COLOUR_YELLOW,
	COLOUR_COUNT,
};

static void begin_colour(struct display *d, enum colour colour)
{
	static const char *const codes[COLOUR_COUNT] = {
		[COLOUR_NONE] = "",	      [COLOUR_DIM] = "\x1b[2m",
		[COLOUR_RED] = "\x1b[31m",    [COLOUR_GREEN] = "\x1b[32m",
		[COLOUR_YELLOW] = "\x1b[33m",
	};

	if (d->colours)
		fputs(codes[colour], d->out);
}

static void end_colour(struct display *d)
{
	if (d->colours)
		fputs("\x1b[0m", d->out);
}

static void format_time(const struct display *d, time_t time, char date[16], char clock[16])
{
	struct tm parts = {0};

	if (d->utc)
		gmtime_r(&time, &parts);
	else
		localtime_r(&time, &parts);
	strftime(date, 16, "%Y-%m-%d", &parts);
	strftime(clock, 16, "%H:%M:%S", &parts);
}

void display_init(struct display *display, FILE *out, bool colours, bool utc)
{
	char clock[16];

	*display = (struct display){.out = out, .colours = colours, .utc = utc};
	format_time(display, time(NULL), display->date, clock);
}

static void put(struct display *d, const char *before, struct slice text)
{
	if (!text.len)
		return;
	fputs(before, d->out);
	shown_write(d->out, text);
}

static void put_time(struct display *d, const json_t *record)
{
	char text[32] = "", date[16], clock[16];
	struct slice time = member_text(record, "time");
	struct tm parts = {0};

	memcpy(text, time.ptr, time.len < sizeof(text) ? time.len : sizeof(text) - 1);
	if (!strptime(text, "%Y-%m-%dT%H:%M:%S", &parts)) {
		fputs("??:??:?? ", d->out);
		return;
	}
	format_time(d, timegm(&parts), date, clock);
	begin_colour(d, COLOUR_DIM);
	if (strcmp(date, d->date) != 0)
		fprintf(d->out, "%s\n", date);
	fputs(clock, d->out);
	end_colour(d);
	putc(' ', d->out);
	memcpy(d->date, date, sizeof(d->date));
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
}

static void put_upper(struct display *d, struct slice text)
{
	char bytes[32];
	size_t len = text.len < sizeof(bytes) ? text.len : sizeof(bytes);

	for (size_t i = 0; i < len; i++)
		bytes[i] = upper(text.ptr[i]);
	shown_write(d->out, slice_of(bytes, len));
}

/* Verdicts are as wide as "ALLOW". */
static void pad(struct display *d, size_t used)
{
	for (; used < strlen("ALLOW"); used++)
		putc(' ', d->out);
}

static void put_word(struct display *d, const char *word, enum colour colour)
{
	begin_colour(d, colour);
	fputs(word, d->out);
	pad(d, strlen(word));
	end_colour(d);
}

static void put_verdict(struct display *d, const json_t *record)
{
	struct slice verdict = member_text(record, "verdict");
	struct slice event = member_text(json_object_get(record, "life"), "event");

	if (event.len) {
		put_upper(d, event);
		pad(d, event.len);
	} else if (json_is_true(json_object_get(record, "would_deny"))) {
		put_word(d, "DENY?", COLOUR_YELLOW);
	} else if (slice_equal(verdict, SLICE_LITERAL("allow"))) {
		put_word(d, "ALLOW", COLOUR_GREEN);
	} else if (slice_equal(verdict, SLICE_LITERAL("deny"))) {
		put_word(d, "DENY", COLOUR_RED);
	} else {
		put_word(d, "?", COLOUR_YELLOW);
	}
}

/* "host:port", without the port when it is the scheme's own. */
static void put_host(struct display *d, const json_t *record, json_int_t own_port)
{
	struct slice host = member_text(record, "host");
	json_int_t port = member_number(record, "port");
	bool is_ipv6 = slice_find_char(host, ':') < host.len;

	if (is_ipv6)
		putc('[', d->out);
	shown_write(d->out, host);
	if (is_ipv6)
		putc(']', d->out);
	if (port && port != own_port)
		fprintf(d->out, ":%" JSON_INTEGER_FORMAT, port);
}

static void put_size(struct display *d, json_int_t bytes, const char *direction)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double size = (double)bytes;
	size_t unit = 0;

	for (; size >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		size /= 1024;
	fprintf(d->out, " %.*f %s %s", unit && size < 10 ? 1 : 0, size, units[unit], direction);
}

static void put_http(struct display *d, const json_t *record)
{
	const json_t *http = json_object_get(record, "http");
	const json_t *websocket = json_object_get(record, "websocket");
	bool is_https = json_object_get(record, "tls") != NULL;
	json_int_t status = member_number(http, "status");

	put(d, " ", member_text(http, "method"));
	fputs(is_https ? " https://" : " http://", d->out);
	put_host(d, record, is_https ? 443 : 80);
	put(d, "", member_text(http, "path"));
	if (status)
		fprintf(d->out, " %" JSON_INTEGER_FORMAT, status);
	if (websocket) {
		put_size(d, member_number(websocket, "bytes_up"), "up");
		put_size(d, member_number(websocket, "bytes_down"), "down");
	}
}

static void put_stream(struct display *d, const json_t *record, struct slice kind)
{
	const json_t *bytes = json_object_get(record, "bytes");

	putc(' ', d->out);
	put_upper(d, kind);
	putc(' ', d->out);
	put_host(d, record, 0);
	if (bytes) {
		put_size(d, member_number(bytes, "up"), "up");
		put_size(d, member_number(bytes, "down"), "down");
	}
}

static void put_dns(struct display *d, const json_t *record)
{
	const json_t *dns = json_object_get(record, "dns");

	fputs(" DNS", d->out);
	put(d, " ", member_text(dns, "type"));
	put(d, " ", member_text(dns, "name"));
	put(d, " ", member_text(dns, "rcode"));
	put(d, " ", member_text(dns, "answer"));
}

static void put_end(struct display *d, const json_t *packet, const char *address, const char *port)
{
	json_int_t number = member_number(packet, port);

	put(d, " ", member_text(packet, address));
	if (number)
		fprintf(d->out, " %" JSON_INTEGER_FORMAT, number);
}

static void put_packet(struct display *d, const json_t *record)
{
	const json_t *packet = json_object_get(record, "packet");
	json_int_t suppressed = member_number(packet, "suppressed");

	putc(' ', d->out);
	put_upper(d, member_text(packet, "protocol"));
	put_end(d, packet, "source", "source_port");
	fputs(" to", d->out);
	put_end(d, packet, "destination", "destination_port");
	put(d, " for ", member_text(record, "host"));
	if (suppressed)
		fprintf(d->out, " (and %" JSON_INTEGER_FORMAT " like it)", suppressed);
}

static void put_life(struct display *d, const json_t *record)
{
	const json_t *life = json_object_get(record, "life");
	const json_t *status = json_object_get(life, "status");
	json_int_t lost = member_number(life, "lost");

	put(d, " sandbox ", member_text(record, "sandbox"));
	put(d, ", policy ", member_text(life, "policy"));
	put(d, ", mode ", member_text(life, "mode"));
	put(d, ", command ", member_text(life, "command"));
	if (status)
		fprintf(d->out, ", status %" JSON_INTEGER_FORMAT, json_integer_value(status));
	if (lost)
		fprintf(d->out, ", %" JSON_INTEGER_FORMAT " records lost", lost);
}

static void put_what(struct display *d, const json_t *record)
{
	struct slice kind = member_text(record, "kind");

	if (json_object_get(record, "life"))
		put_life(d, record);
	else if (json_object_get(record, "http"))
		put_http(d, record);
	else if (json_object_get(record, "dns"))
		put_dns(d, record);
	else if (json_object_get(record, "packet"))
		put_packet(d, record);
	else
		put_stream(d, record, kind);
}

static void put_secrets(struct display *d, const json_t *record)
{
	json_int_t more = member_number(record, "secrets_more");
	json_int_t scrubbed = member_number(record, "scrubbed");
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(record, "secrets"), i, entry)
		put(d, " +", member_text(entry, "name"));
	if (more)
		fprintf(d->out, " and %" JSON_INTEGER_FORMAT " more", more);
	if (scrubbed)
		fprintf(d->out, " %" JSON_INTEGER_FORMAT " scrubbed", scrubbed);
	json_array_foreach(json_object_get(record, "misuse"), i, entry)
	{
		put(d, " misuse of ", member_text(entry, "name"));
		put(d, " in ", member_text(entry, "place"));
		put(d, ", ", member_text(entry, "action"));
	}
}

static void put_duration(struct display *d, const json_t *record)
{
	const json_t *total = json_object_get(json_object_get(record, "ms"), "total");

	if (json_is_number(total))
		fprintf(d->out, " %.0f ms", json_number_value(total));
}

static void put_sandbox(struct display *d, const json_t *record)
{
	struct slice sandbox = slice_first(member_text(record, "sandbox"), sizeof(d->sandbox) - 1);

	if (json_object_get(record, "life")) {
		d->sandbox[0] = '\0';
		return;
	}
	if (!sandbox.len || slice_equal(sandbox, slice_from_text(d->sandbox)))
		return;
	begin_colour(d, COLOUR_DIM);
	put(d, " [", sandbox);
	putc(']', d->out);
	end_colour(d);
	memcpy(d->sandbox, sandbox.ptr, sandbox.len);
	d->sandbox[sandbox.len] = '\0';
}

void display_record(struct display *display, const json_t *record)
{
	if (!json_is_object(record)) {
		fputs("??:??:?? ?     a line that is no record; see 'sallyport audit verify'\n",
		      display->out);
		return;
	}
	put_time(display, record);
	put_verdict(display, record);
	put_what(display, record);
	put_secrets(display, record);
	put_duration(display, record);
	put(display, " : ", member_text(record, "reason"));
	put(display, " ! ", member_text(record, "error"));
	put_sandbox(display, record);
	putc('\n', display->out);
}
