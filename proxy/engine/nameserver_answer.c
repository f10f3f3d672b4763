#include "proxy/engine/nameserver_answer.h"

#include <ares.h>
#include <string.h>

#include "base/cursor.h"
#include "proxy/dns/wire.h"

static const struct outcome_row {
	int error;
	const char *text;
} outcome_rows[] = {
	[NAMESERVER_ADDRESSES] = {0, "the name has addresses"},
	[NAMESERVER_NO_ADDRESS] = {ERROR_NOT_FOUND, "the name has no address"},
	[NAMESERVER_MALFORMED] = {ERROR_SYNTAX, "the name server's answer is malformed"},
	[NAMESERVER_UNREACHABLE] = {-EHOSTUNREACH, "no name server gave an answer"},
	[NAMESERVER_TIMEOUT] = {ERROR_TIMEOUT, "no name server answered in time"},
	[NAMESERVER_REFUSED] = {-EREMOTEIO, "the name servers refuse to answer (REFUSED)"},
	[NAMESERVER_FAILED] = {-EREMOTEIO, "the name servers failed to answer (SERVFAIL)"},
	[NAMESERVER_NO_MEMORY] = {-ENOMEM, "out of memory"},
	[NAMESERVER_NO_SUCH_NAME] = {ERROR_NOT_FOUND, "the name does not exist"},
};

_Static_assert(sizeof(outcome_rows) / sizeof(outcome_rows[0]) == NAMESERVER_OUTCOME_COUNT,
	       "every outcome has a row");

int nameserver_outcome_error(enum nameserver_outcome outcome)
{
	return outcome_rows[outcome].error;
}

const char *nameserver_outcome_text(enum nameserver_outcome outcome)
{
	return outcome_rows[outcome].text;
}

static int rcode_of(const unsigned char *bytes, int len)
{
	struct reader r = reader_of(slice_of(bytes, (size_t)len));

	reader_skip(&r, 2);
	return reader_u16(&r) & 0xf;
}

/* Takes note of an address. A TTL with its highest bit set counts as 0 (RFC 2181 section 8). */
static void add_address(struct nameserver_answer *answer, const void *bytes, uint8_t length,
			int ttl)
{
	uint32_t ttl_s = ttl > 0 ? (uint32_t)ttl : 0;

	if (answer->count == 0 || ttl_s < answer->ttl_s)
		answer->ttl_s = ttl_s;
	answer->addresses[answer->count].length = length;
	memcpy(answer->addresses[answer->count++].bytes, bytes, length);
}

static int parse_a(const unsigned char *bytes, int len, struct nameserver_answer *answer)
{
	struct ares_addrttl found[NAMESERVER_ADDRESSES_MAX];
	int count = NAMESERVER_ADDRESSES_MAX;
	int status = ares_parse_a_reply(bytes, len, NULL, found, &count);

	for (int i = 0; status == ARES_SUCCESS && i < count; i++)
		add_address(answer, &found[i].ipaddr, 4, found[i].ttl);
	return status;
}

static int parse_aaaa(const unsigned char *bytes, int len, struct nameserver_answer *answer)
{
	struct ares_addr6ttl found[NAMESERVER_ADDRESSES_MAX];
	int count = NAMESERVER_ADDRESSES_MAX;
	int status = ares_parse_aaaa_reply(bytes, len, NULL, found, &count);

	for (int i = 0; status == ARES_SUCCESS && i < count; i++)
		add_address(answer, &found[i].ip6addr, 16, found[i].ttl);
	return status;
}

static enum nameserver_outcome read_addresses(enum nameserver_family family,
					      const unsigned char *bytes, int len,
					      struct nameserver_answer *answer)
{
	int status = family == NAMESERVER_A ? parse_a(bytes, len, answer)
					    : parse_aaaa(bytes, len, answer);

	switch (status) {
	case ARES_SUCCESS:
		return answer->count > 0 ? NAMESERVER_ADDRESSES : NAMESERVER_NO_ADDRESS;
	case ARES_ENODATA:
		return NAMESERVER_NO_ADDRESS;
	case ARES_ENOMEM:
		return NAMESERVER_NO_MEMORY;
	default:
		return NAMESERVER_MALFORMED;
	}
}

static enum nameserver_outcome outcome_of_rcode(int rcode)
{
	switch (rcode) {
	case DNS_NXDOMAIN:
		return NAMESERVER_NO_SUCH_NAME;
	case DNS_REFUSED:
		return NAMESERVER_REFUSED;
	default:
		return NAMESERVER_FAILED;
	}
}

enum nameserver_outcome nameserver_judge_status(int status, int rcode)
{
	if (rcode == DNS_SERVFAIL || rcode == DNS_NOTIMP || rcode == DNS_REFUSED)
		return outcome_of_rcode(rcode);
	switch (status) {
	case ARES_ETIMEOUT:
		return NAMESERVER_TIMEOUT;
	case ARES_ENOMEM:
		return NAMESERVER_NO_MEMORY;
	default:
		return NAMESERVER_UNREACHABLE;
	}
}

bool nameserver_is_format_error(const unsigned char *bytes, int len)
{
	return rcode_of(bytes, len) == DNS_FORMERR;
}

void nameserver_read_answer(enum nameserver_family family, const unsigned char *bytes, int len,
			    struct nameserver_answer *answer)
{
	int rcode = rcode_of(bytes, len);

	*answer = (struct nameserver_answer){0};
	answer->outcome = rcode == DNS_NOERROR ? read_addresses(family, bytes, len, answer)
					       : outcome_of_rcode(rcode);
}
