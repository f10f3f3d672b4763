#include "policy/host.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

#include "base/cursor.h"
#include "base/error.h"

enum {
	LABEL_MAX = 63,
	IPV4_TEXT_MAX = 15,
	IPV6_TEXT_MAX = 39,
	IPV6_GROUPS = 8,
	PORT_DIGITS_MAX = 5,
};

bool host_equal(const struct host *a, const struct host *b)
{
	return a->kind == b->kind && slice_equal(host_slice(a), host_slice(b));
}

bool host_is_below(const struct host *name, const struct host *suffix)
{
	struct slice n = host_slice(name), s = host_slice(suffix);

	return name->kind == HOST_NAME && n.len > s.len && slice_ends_with(n, s) &&
	       n.ptr[n.len - s.len - 1] == '.';
}

static bool is_label(struct slice label)
{
	if (label.len == 0 || label.len > LABEL_MAX)
		return false;
	if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		if (!ascii_is_alnum(label.ptr[i]) && label.ptr[i] != '-')
			return false;
	}
	return true;
}

/* What inet_aton(3) would take as the last part of an address: decimal and octal are all digits,
 * and hexadecimal starts with 0x. */
static bool is_number(struct slice label)
{
	struct slice digits = label;
	bool hex = slice_starts_with_nocase(label, SLICE_LITERAL("0x"));

	if (hex)
		digits = slice_from(label, 2);
	for (size_t i = 0; i < digits.len; i++) {
		if (hex ? ascii_hex_value(digits.ptr[i]) < 0 : !ascii_is_digit(digits.ptr[i]))
			return false;
	}
	return true;
}

static void set_text(struct host *host, enum host_kind kind, struct slice text)
{
	host->kind = kind;
	host->length = (uint8_t)text.len;
	for (size_t i = 0; i < text.len; i++)
		host->text[i] = ascii_lower(text.ptr[i]);
	host->text[text.len] = '\0';
}

int host_parse_name(struct slice text, struct host *host)
{
	struct slice rest, label;

	if (text.len && text.ptr[text.len - 1] == '.')
		text.len--;
	if (text.len == 0 || text.len > HOST_TEXT_MAX)
		return ERROR_SYNTAX;
	rest = text;
	while (slice_next_part(&rest, '.', &label)) {
		if (!is_label(label))
			return ERROR_SYNTAX;
	}
	if (is_number(label))
		return ERROR_SYNTAX;
	set_text(host, HOST_NAME, text);
	return 0;
}

static bool is_dotted_digits(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!ascii_is_digit(text.ptr[i]) && text.ptr[i] != '.')
			return false;
	}
	return text.len > 0;
}

/* inet_pton(3) takes neither leading zeros nor missing parts. */
static int parse_ipv4(struct slice text, struct host *host)
{
	char copy[IPV4_TEXT_MAX + 1];
	uint8_t bytes[4];

	if (text.len > IPV4_TEXT_MAX)
		return ERROR_SYNTAX;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET, copy, bytes) != 1)
		return ERROR_SYNTAX;
	set_text(host, HOST_IPV4, text);
	return 0;
}

static bool is_v4_mapped(const uint8_t bytes[16])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(bytes, prefix, sizeof(prefix)) == 0;
}

/* TEXT is what stands between the brackets. Dots (an IPv4 tail) and zones are refused. */
static int parse_ipv6(struct slice text, struct host *host)
{
	char copy[IPV6_TEXT_MAX + 1];
	uint8_t bytes[16];

	if (text.len > IPV6_TEXT_MAX)
		return ERROR_SYNTAX;
	for (size_t i = 0; i < text.len; i++) {
		if (ascii_hex_value(text.ptr[i]) < 0 && text.ptr[i] != ':')
			return ERROR_SYNTAX;
		copy[i] = text.ptr[i];
	}
	copy[text.len] = '\0';
	if (inet_pton(AF_INET6, copy, bytes) != 1 || is_v4_mapped(bytes))
		return ERROR_SYNTAX;
	host_from_address(bytes, sizeof(bytes), host);
	return 0;
}

int host_parse(struct slice text, struct host *host)
{
	if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
		return parse_ipv6(slice_of(text.ptr + 1, text.len - 2), host);
	if (is_dotted_digits(text))
		return parse_ipv4(text, host);
	return host_parse_name(text, host);
}

/* "08080" and "8080" would be two spellings of one authority; only one is taken. */
static int parse_port(struct slice text, uint16_t *port)
{
	uint64_t value;

	if (text.len > PORT_DIGITS_MAX || slice_to_u64(text, UINT16_MAX, &value) < 0)
		return ERROR_SYNTAX;
	if (text.ptr[0] == '0')
		return ERROR_SYNTAX;
	*port = (uint16_t)value;
	return 0;
}

int host_parse_authority(struct slice text, uint16_t default_port, struct host *host,
			 uint16_t *port)
{
	size_t bracket = text.len && text.ptr[0] == '[' ? slice_find_char(text, ']') : 0;
	size_t colon = bracket + slice_find_char(slice_from(text, bracket), ':');

	*port = default_port;
	if (colon < text.len && parse_port(slice_from(text, colon + 1), port) < 0)
		return ERROR_SYNTAX;
	return host_parse(slice_first(text, colon), host);
}

/* The longest run of two or more zero groups, the first of equals (RFC 5952 section 4.2). */
static int longest_zero_run(const unsigned int groups[IPV6_GROUPS], int *length)
{
	int best = -1;

	*length = 1;
	for (int i = 0; i < IPV6_GROUPS; i++) {
		int end = i;

		while (end < IPV6_GROUPS && groups[end] == 0)
			end++;
		if (end - i > *length) {
			best = i;
			*length = end - i;
		}
	}
	return best;
}

static size_t format_ipv6(const uint8_t bytes[16], char out[HOST_TEXT_MAX + 1])
{
	unsigned int groups[IPV6_GROUPS];
	int run, run_length;
	size_t used = 0;

	for (int i = 0; i < IPV6_GROUPS; i++)
		groups[i] = (unsigned int)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
	run = longest_zero_run(groups, &run_length);
	for (int i = 0; i < IPV6_GROUPS; i++) {
		if (i == run) {
			out[used++] = ':';
			if (run + run_length == IPV6_GROUPS)
				out[used++] = ':';
			i += run_length - 1;
			continue;
		}
		used += (size_t)snprintf(out + used, 6, i ? ":%x" : "%x", groups[i]);
	}
	out[used] = '\0';
	return used;
}

void host_from_address(const void *bytes, size_t len, struct host *host)
{
	const uint8_t *b = bytes;

	assert(len == 4 || len == 16);
	if (len == 16 && !is_v4_mapped(b)) {
		host->kind = HOST_IPV6;
		host->length = (uint8_t)format_ipv6(b, host->text);
		return;
	}
	if (len == 16)
		b += 12;
	host->kind = HOST_IPV4;
	host->length = (uint8_t)snprintf(host->text, sizeof(host->text), "%u.%u.%u.%u", b[0], b[1],
					 b[2], b[3]);
}

size_t host_address(const struct host *host, uint8_t bytes[16])
{
	int parsed;

	if (host->kind == HOST_NAME)
		return 0;
	parsed = inet_pton(host->kind == HOST_IPV4 ? AF_INET : AF_INET6, host->text, bytes);
	assert(parsed == 1);
	return host->kind == HOST_IPV4 ? 4 : 16;
}

size_t host_format_authority(const struct host *host, uint16_t port, uint16_t default_port,
			     char out[HOST_AUTHORITY_MAX + 1])
{
	struct writer w = writer_of(out, HOST_AUTHORITY_MAX + 1);
	bool brackets = host->kind == HOST_IPV6;

	writer_text(&w, brackets ? "[" : "");
	writer_bytes(&w, host_slice(host));
	writer_text(&w, brackets ? "]" : "");
	if (port != default_port) {
		writer_text(&w, ":");
		writer_decimal(&w, port);
	}
	writer_u8(&w, 0);
	return writer_length(&w) - 1;
}
