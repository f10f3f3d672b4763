#include "proxy/dns/answer.h"

#include <string.h>

#include "base/error.h"

static void refuse(struct dns_answer *answer, enum dns_rcode rcode, enum dns_extended extended,
		   const char *text)
{
	*answer = (struct dns_answer){.rcode = rcode, .extended = extended, .extended_text = text};
}

static void answer_localhost(uint16_t type, struct dns_answer *answer)
{
	static const uint8_t ipv4[16] = {127, 0, 0, 1};
	static const uint8_t ipv6[16] = {[15] = 1};

	memcpy(answer->addresses[0], type == DNS_TYPE_A ? ipv4 : ipv6, 16);
	answer->address_count = 1;
}

static void answer_address(struct names *names, const struct dns_question *question,
			   struct dns_answer *answer)
{
	uint8_t ipv4[4], ipv6[16];
	int rc;

	if (!question->name_is_host) {
		refuse(answer, DNS_NXDOMAIN, DNS_EDE_OTHER, "not a host name");
		return;
	}
	if (names_is_localhost(&question->name)) {
		answer_localhost(question->type, answer);
		return;
	}
	rc = names_assign(names, &question->name, ipv4, ipv6);
	if (rc < 0) {
		refuse(answer, DNS_SERVFAIL, DNS_EDE_OTHER,
		       rc == ERROR_LIMIT ? "this sandbox has asked for too many names"
					 : "out of memory");
		return;
	}
	if (question->type == DNS_TYPE_A)
		memcpy(answer->addresses[0], ipv4, sizeof(ipv4));
	else
		memcpy(answer->addresses[0], ipv6, sizeof(ipv6));
	answer->address_count = 1;
	answer->extended = DNS_EDE_FORGED;
	answer->extended_text = "the sandbox's own address for this name";
}

/* d.c.b.a in front of .in-addr.arpa (RFC 1035 section 3.5). */
static bool read_ipv4_pointer(struct slice name, uint8_t ipv4[4])
{
	struct slice part;
	int i = 4;

	while (slice_next_part(&name, '.', &part)) {
		uint64_t value;

		if (i == 0 || slice_to_u64(part, 255, &value) < 0)
			return false;
		ipv4[--i] = (uint8_t)value;
	}
	return i == 0;
}

/* Thirty-two hexadecimal digits, the lowest first, in front of .ip6.arpa (RFC 3596 section 2.5). */
static bool read_ipv6_pointer(struct slice name, uint8_t ipv6[16])
{
	struct slice part;
	int i = 32;

	memset(ipv6, 0, 16);
	while (slice_next_part(&name, '.', &part)) {
		if (i == 0 || part.len != 1 || ascii_hex_value(part.ptr[0]) < 0)
			return false;
		i--;
		ipv6[i / 2] |= (uint8_t)(ascii_hex_value(part.ptr[0]) << (i % 2 ? 0 : 4));
	}
	return i == 0;
}

/* The address that NAME asks about: its length, or 0 when it is no pointer. */
static size_t read_pointer(struct slice name, uint8_t address[16])
{
	struct slice ipv4 = SLICE_LITERAL(".in-addr.arpa"), ipv6 = SLICE_LITERAL(".ip6.arpa");

	if (slice_ends_with(name, ipv4))
		return read_ipv4_pointer(slice_first(name, name.len - ipv4.len), address) ? 4 : 0;
	if (slice_ends_with(name, ipv6))
		return read_ipv6_pointer(slice_first(name, name.len - ipv6.len), address) ? 16 : 0;
	return 0;
}

static void answer_pointer(const struct names *names, const struct dns_question *question,
			   struct dns_answer *answer)
{
	uint8_t address[16];
	size_t length = question->name_is_host ? read_pointer(host_slice(&question->name), address)
					       : 0;

	if (length > 0)
		answer->target = names_find(names, address, length);
	if (!answer->target)
		refuse(answer, DNS_NXDOMAIN, DNS_EDE_OTHER, "not an address of this sandbox");
}

void dns_decide_answer(struct names *names, const struct dns_question *question,
		       struct dns_answer *answer)
{
	*answer = (struct dns_answer){.rcode = question->problem, .extended = DNS_EDE_NONE};
	if (question->problem != DNS_NOERROR)
		return;
	if (question->class != DNS_CLASS_IN) {
		refuse(answer, DNS_REFUSED, DNS_EDE_NOT_SUPPORTED,
		       "only class IN is answered here");
		return;
	}
	switch (question->type) {
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA:
		answer_address(names, question, answer);
		return;
	case DNS_TYPE_PTR:
		answer_pointer(names, question, answer);
		return;
	case DNS_TYPE_SVCB:
	case DNS_TYPE_HTTPS:
		return;
	default:
		refuse(answer, DNS_REFUSED, DNS_EDE_NOT_SUPPORTED,
		       "only A, AAAA, PTR, SVCB and HTTPS are answered here");
	}
}

void dns_decide_failure(struct dns_answer *answer)
{
	refuse(answer, DNS_SERVFAIL, DNS_EDE_OTHER, "the query could not be recorded");
}
