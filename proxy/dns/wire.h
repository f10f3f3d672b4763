/*
 * DNS messages (RFC 1035 section 4), as much as the sandbox's resolver needs: one question in, an
 * answer out. Anything else in a query (other opcodes, several questions (RFC 9619), answers,
 * compressed or malformed names, records that are not EDNS, bytes behind the end) is answered with
 * an error or, when not even that can be said, not at all.
 *
 * EDNS is RFC 6891: version 0, unknown options passed over, more than one OPT record refused.
 * Extended errors (RFC 8914) are sent to askers that speak EDNS. Of what was received, an answer
 * repeats the identifier, the bits RD, CD and DO, and the question when it was well-formed; nothing
 * else.
 */
#ifndef PROXY_DNS_WIRE_H
#define PROXY_DNS_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"
#include "policy/host.h"

enum {
	DNS_UDP_DEFAULT_BYTES = 512,
	DNS_UDP_MAX_BYTES = 1232, /* what we send and advertise (no fragments) */
	DNS_MESSAGE_MAX_BYTES = 65535,
	DNS_NAME_MAX_BYTES = 255, /* on the wire (RFC 1035 section 2.3.4) */
	DNS_ANSWERS_MAX = 4,
	DNS_TTL_S = 60,
	DNS_CLASS_IN = 1,
};

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_SVCB = 64,
	DNS_TYPE_HTTPS = 65,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16, /* RFC 6891 */
};

/* Extended DNS errors (RFC 8914 section 4). */
enum dns_extended {
	DNS_EDE_NONE = -1,
	DNS_EDE_OTHER = 0,
	DNS_EDE_FORGED = 4,
	DNS_EDE_BLOCKED = 15,
	DNS_EDE_PROHIBITED = 18,
	DNS_EDE_NOT_SUPPORTED = 21,
};

struct dns_question {
	uint16_t id;
	uint16_t flags;		/* as received */
	struct slice name_wire; /* the question's name, as received (its case is given back); a view
				 * of the message, empty when there is no well-formed question */
	bool name_is_host;	/* NAME is set: it is a well-formed host name */
	struct host name;
	char shown[HOST_TEXT_MAX * 4 + 1]; /* the name as text for the log, escaped (RFC 4343) */
	uint16_t type;
	uint16_t class;
	bool has_edns;
	bool dnssec_ok;		/* the bit DO (RFC 3225), given back */
	uint16_t udp_bytes;	/* the asker's limit, at least 512 */
	enum dns_rcode problem; /* DNS_NOERROR, or what is wrong with the query */
};

/* Reads a query. 0 when it can be answered (QUESTION->problem says how), ERROR_SYNTAX when it must
 * be dropped in silence (too short, or a response). */
int dns_read_query(struct slice message, struct dns_question *question);

struct dns_answer {
	enum dns_rcode rcode;
	enum dns_extended extended;
	const char *extended_text;		/* may be NULL */
	uint8_t addresses[DNS_ANSWERS_MAX][16]; /* 4 or 16 bytes each, by the question's type */
	size_t address_count;
	const struct host *target; /* of a PTR record, or NULL */
};

/* Writes the response to QUESTION, at most LIMIT bytes (DNS_UDP_DEFAULT_BYTES or more), truncated
 * with the TC bit if it must be. The length. */
size_t dns_write_response(const struct dns_question *question, const struct dns_answer *answer,
			  char *out, size_t limit);

/* "A", "AAAA", "TYPE65280" (RFC 3597) and so on. Not for use by several threads. */
const char *dns_type_name(uint16_t type);
const char *dns_rcode_name(enum dns_rcode rcode);

#endif
