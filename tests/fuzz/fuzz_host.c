/* Hosts: what is accepted has one canonical form, in which it is accepted again. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>

#include "policy/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Goes by an authority, as that puts IPv6 into brackets. */
static void check_authority(const struct host *host, uint16_t port)
{
	char text[HOST_AUTHORITY_MAX + 1];
	size_t len = host_format_authority(host, port, 443, text);
	struct host again;
	uint16_t port_again;

	assert(len == strlen(text) && len <= HOST_AUTHORITY_MAX);
	assert(host_parse_authority(slice_of(text, len), 443, &again, &port_again) == 0);
	assert(host_equal(host, &again) && port == port_again);
}

static void check_address(const struct host *host)
{
	struct host again;
	uint8_t bytes[16];
	size_t len = host_address(host, bytes);

	assert((len == 0) == (host->kind == HOST_NAME));
	if (len == 0)
		return;
	host_from_address(bytes, len, &again);
	assert(host_equal(host, &again));
}

static void check_text(const struct host *host)
{
	assert(host->length > 0 && host->length <= HOST_TEXT_MAX);
	assert(strlen(host->text) == host->length);
	for (size_t i = 0; i < host->length; i++) {
		char c = host->text[i];

		assert((c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '-' || c == '.' ||
		       (c == ':' && host->kind == HOST_IPV6));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	struct host host, name;
	uint16_t port;

	if (host_parse(text, &host) == 0) {
		check_text(&host);
		check_address(&host);
		check_authority(&host, 443);
		check_authority(&host, 8443);
		assert((host_parse_name(text, &name) == 0) == (host.kind == HOST_NAME));
	} else {
		assert(host_parse_name(text, &name) < 0);
	}
	if (host_parse_authority(text, 443, &host, &port) == 0) {
		assert(port != 0);
		check_text(&host);
		check_authority(&host, port);
	}
	if (size == 4 || size == 16) {
		host_from_address(data, size, &host);
		check_text(&host);
		check_address(&host);
	}
	return 0;
}
