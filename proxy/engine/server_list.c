#include "proxy/engine/server_list.h"

#include <stdio.h>

#include "policy/host.h"

int server_list_parse(struct slice text, struct server_list *list)
{
	struct slice part;

	*list = (struct server_list){0};
	while (slice_next_part(&text, ',', &part)) {
		struct address address;
		struct host host;
		uint16_t port;

		if (host_parse_authority(part, SERVER_LIST_DEFAULT_PORT, &host, &port) < 0)
			return ERROR_SYNTAX;
		address.length = (uint8_t)host_address(&host, address.bytes);
		if (address.length == 0)
			return ERROR_SYNTAX;
		if (list->count == RESOLVER_SERVERS_MAX)
			return ERROR_LIMIT;
		list->servers[list->count].address = address;
		list->servers[list->count++].port = port;
	}
	return 0;
}

/* Cuts the first word off LINE. */
static struct slice next_word(struct slice *line)
{
	size_t end = 0;
	struct slice word;

	*line = slice_trim(*line);
	while (end < line->len && line->ptr[end] != ' ' && line->ptr[end] != '\t')
		end++;
	word = slice_first(*line, end);
	*line = slice_from(*line, end);
	return word;
}

/* An address as resolv.conf writes it: IPv6 without brackets. */
static bool read_address(struct slice word, struct host *host)
{
	char bracketed[INET6_ADDRSTRLEN + 2];
	int len;

	if (slice_find_char(word, ':') == word.len)
		return host_parse(word, host) == 0 && host->kind == HOST_IPV4;
	if (word.len >= INET6_ADDRSTRLEN)
		return false;
	len = snprintf(bracketed, sizeof(bracketed), "[%.*s]", SLICE_ARGS(word));
	return host_parse(slice_of(bracketed, (size_t)len), host) == 0;
}

static bool read_line(struct slice line, struct host *host)
{
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	return slice_equal(next_word(&line), SLICE_LITERAL("nameserver")) &&
	       read_address(next_word(&line), host);
}

void resolver_servers_from_conf(struct slice conf, char *out, size_t size)
{
	struct slice line;
	size_t used = 0;
	int count = 0;

	while (count < RESOLVER_SERVERS_MAX && slice_next_part(&conf, '\n', &line)) {
		struct host host;
		int len;

		if (!read_line(line, &host))
			continue;
		len = snprintf(out + used, size - used, host.kind == HOST_IPV6 ? "%s[%s]" : "%s%s",
			       count ? "," : "", host.text);
		if ((size_t)len >= size - used)
			break;
		used += (size_t)len;
		count++;
	}
	if (count == 0)
		snprintf(out, size, "127.0.0.1");
	else
		out[used] = '\0';
}
