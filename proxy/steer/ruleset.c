/*
 * Every address is local (network.c), so that a packet leaves a socket through the output hook,
 * turns around in lo, and comes back through the prerouting hook. The output chain says what may
 * exist at all; the prerouting chain says where TCP goes.
 *
 * There is no connection tracking: it would cost time, and its table could be filled. None is
 * needed, as what has been accepted by a socket is found by the kernel's own lookup: the
 * destination of every packet is local. Only a SYN needs steering, and datagrams that are relayed.
 *
 * Marks are ours: nothing in the sandbox may set one.
 */
#include "proxy/steer/ruleset.h"

/* Before the kernel's, which define what it does not. */
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "proxy/steer/steer.h"

#define BYTES(...)	     ((const uint8_t[]){__VA_ARGS__})
#define NATIVE(type, number) ((const type[]){number})

#define TERM(name, ...)                                                                            \
	{                                                                                          \
		.kind = NFT_TERM_##name, __VA_ARGS__                                               \
	}
#define META(name, bytes) TERM(META, .key = NFT_META_##name, .len = 1, .value = (bytes))
#define PAYLOAD(base, at, length, masked, bytes)                                                   \
	TERM(PAYLOAD, .key = NFT_PAYLOAD_##base##_HEADER, .offset = (at), .len = (length),         \
	     .mask = (masked), .value = (bytes))

#define PROTOCOL(number) META(L4PROTO, BYTES(number))
#define IPV4		 META(NFPROTO, BYTES(NFPROTO_IPV4))
#define IPV6		 META(NFPROTO, BYTES(NFPROTO_IPV6))
#define IPV4_TO(m, b)	 PAYLOAD(NETWORK, 16, 4, m, b)
#define IPV6_TO(b)	 PAYLOAD(NETWORK, 24, 16, NULL, b)
#define FROM_PORT(n)	 PAYLOAD(TRANSPORT, 0, 2, NULL, BYTES(0, n))
#define TO_PORT(n)	 PAYLOAD(TRANSPORT, 2, 2, NULL, BYTES(0, n))
#define ICMP_TYPE(n)	 PAYLOAD(TRANSPORT, 0, 1, NULL, BYTES(n))
/* Of FIN, SYN, RST and ACK only SYN: the start of a connection. */
#define TCP_SYN PAYLOAD(TRANSPORT, 13, 1, BYTES(0x17), BYTES(0x02))

#define ACCEPT	  TERM(VERDICT, .key = NF_ACCEPT)
#define DROP	  TERM(VERDICT, .key = NF_DROP)
#define COUNT	  TERM(COUNTER, .key = 0)
#define LOG	  TERM(LOG, .key = STEER_LOG_GROUP)
#define TPROXY	  TERM(TPROXY, .key = STEER_TPROXY_PORT)
#define TCP_RESET TERM(REJECT, .key = NFT_REJECT_TCP_RST)
#define PROHIBIT                                                                                   \
	TERM(REJECT, .key = NFT_REJECT_ICMPX_UNREACH, .offset = NFT_REJECT_ICMPX_ADMIN_PROHIBITED)

#define MARKED(n)	 TERM(META, .key = NFT_META_MARK, .len = 4, .value = NATIVE(uint32_t, n))
#define SET_MARK(n)	 TERM(SET_MARK, .key = (n))
#define QUEUE		 TERM(QUEUE, .key = STEER_QUEUE)
#define TO_KNOWN_PORT	 TERM(IN_SET, .key = NFT_KEY_PORT, .value = "datagram-ports")
#define IN(family, name) TERM(IN_SET, .key = NFT_KEY_DESTINATION##family, .value = (name))
#define NOT_IN(family, name)                                                                       \
	TERM(IN_SET, .key = NFT_KEY_DESTINATION##family, .differs = true, .value = (name))
#define ADD_TO(family, name) TERM(ADD_TO_SET, .key = NFT_KEY_DESTINATION##family, .value = (name))
#define UDP		     PROTOCOL(IPPROTO_UDP)

#define TO_LOOPBACK4 IPV4, IPV4_TO(BYTES(255, 0, 0, 0), BYTES(127, 0, 0, 0))
#define TO_OWN4	     IPV4, IPV4_TO(NULL, BYTES(198, 18, 0, 1))
#define TO_LOOPBACK6 IPV6, IPV6_TO(BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))
#define TO_OWN6                                                                                    \
	IPV6, IPV6_TO(BYTES(0xfd, 0x73, 0x61, 0x6c, 0x6c, 0x79, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))

#define QUEUE_MODULE "nft_queue (or nft_compat xt_NFQUEUE)"

_Static_assert(STEER_TPROXY_PORT < 256, "the rules hold its low byte only");

enum {
	DNS_PORT = 53,
	ICMP4_UNREACHABLE = 3,
	ICMP6_UNREACHABLE = 1,
	LOOPBACK = 1, /* the index that lo has in every network namespace */
};

static const struct nft_chain chains[] = {
	{"output", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER, NF_DROP},
	{"prerouting", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE, NF_DROP},
};

/* In front of all others where datagrams are relayed. */
static const struct nft_rule answers_first[] = {
	/* To a client that is bound to an address not its own. */
	{"output", "lets answers of the relay out", NULL, {UDP, MARKED(STEER_MARK_ANSWER), ACCEPT}},
	{"output",
	 "lets ICMP errors of the relay out",
	 NULL,
	 {PROTOCOL(IPPROTO_ICMP), MARKED(STEER_MARK_ANSWER), ACCEPT}},
	{"output",
	 "lets ICMPv6 errors of the relay out",
	 NULL,
	 {PROTOCOL(IPPROTO_ICMPV6), MARKED(STEER_MARK_ANSWER), ACCEPT}},
};

static const struct nft_rule admissions[] = {
	{"output", "lets TCP reach the steering", NULL, {PROTOCOL(IPPROTO_TCP), ACCEPT}},
	{"output", "frees 127.0.0.0/8", NULL, {TO_LOOPBACK4, ACCEPT}},
	{"output", "frees the own IPv4 address", NULL, {TO_OWN4, ACCEPT}},
	{"output", "frees ::1", NULL, {TO_LOOPBACK6, ACCEPT}},
	{"output", "frees the own IPv6 address", NULL, {TO_OWN6, ACCEPT}},
	{"output",
	 "lets DNS queries out",
	 NULL,
	 {PROTOCOL(IPPROTO_UDP), TO_PORT(DNS_PORT), ACCEPT}},
	/* Answers, to a client that is bound to an address not its own. Nothing but the DNS sockets
	 * can hold the port. */
	{"output",
	 "lets DNS answers out",
	 NULL,
	 {PROTOCOL(IPPROTO_UDP), FROM_PORT(DNS_PORT), ACCEPT}},
	/* The kernel's own, when nothing listens on a port; nothing in the sandbox can make one. */
	{"output",
	 "lets ICMP errors out",
	 NULL,
	 {PROTOCOL(IPPROTO_ICMP), ICMP_TYPE(ICMP4_UNREACHABLE), ACCEPT}},
	{"output",
	 "lets ICMPv6 errors out",
	 NULL,
	 {PROTOCOL(IPPROTO_ICMPV6), ICMP_TYPE(ICMP6_UNREACHABLE), ACCEPT}},
};

/* What comes back from the queue has a mark, and goes through the chain again. */
static const struct nft_rule verdicts[] = {
	{"output",
	 "remembers an allowed IPv4 destination",
	 NULL,
	 {UDP, IPV4, MARKED(STEER_MARK_ALLOWED), ADD_TO(4, "allowed4")}},
	{"output",
	 "remembers an allowed IPv6 destination",
	 NULL,
	 {UDP, IPV6, MARKED(STEER_MARK_ALLOWED), ADD_TO(6, "allowed6")}},
	{"output",
	 "lets allowed datagrams reach the relay",
	 NULL,
	 {UDP, MARKED(STEER_MARK_ALLOWED), ACCEPT}},
	{"output",
	 "knows allowed IPv4 destinations",
	 NULL,
	 {UDP, IPV4, IN(4, "allowed4"), SET_MARK(STEER_MARK_ALLOWED), ACCEPT}},
	{"output",
	 "knows allowed IPv6 destinations",
	 NULL,
	 {UDP, IPV6, IN(6, "allowed6"), SET_MARK(STEER_MARK_ALLOWED), ACCEPT}},
	/* These go on to be logged and refused. */
	{"output",
	 "remembers a refused IPv4 destination",
	 NULL,
	 {UDP, IPV4, MARKED(STEER_MARK_REFUSED), ADD_TO(4, "refused4")}},
	{"output",
	 "remembers a refused IPv6 destination",
	 NULL,
	 {UDP, IPV6, MARKED(STEER_MARK_REFUSED), ADD_TO(6, "refused6")}},
	/* Never with the flag for bypass: without a reader the kernel drops. */
	{"output",
	 "queues IPv4 datagrams",
	 QUEUE_MODULE,
	 {UDP, IPV4, MARKED(0), TO_KNOWN_PORT, NOT_IN(4, "refused4"), QUEUE}},
	{"output",
	 "queues IPv6 datagrams",
	 QUEUE_MODULE,
	 {UDP, IPV6, MARKED(0), TO_KNOWN_PORT, NOT_IN(6, "refused6"), QUEUE}},
};

static const struct nft_rule refusals[] = {
	{"output", "logs what is refused", "nft_log nfnetlink_log", {COUNT, LOG}},
	{"output", "refuses the rest", "nft_reject_inet", {PROHIBIT}},
};

static const struct nft_rule arrivals[] = {
	/* An interface that somebody else put here is none of ours. */
	{"prerouting",
	 "drops what did not come from lo",
	 NULL,
	 {{.kind = NFT_TERM_META,
	   .key = NFT_META_IIF,
	   .len = 4,
	   .differs = true,
	   .value = NATIVE(uint32_t, LOOPBACK)},
	  DROP}},
};

static const struct nft_rule datagrams[] = {
	{"prerouting",
	 "steers datagrams",
	 "nft_tproxy",
	 {UDP, MARKED(STEER_MARK_ALLOWED), TPROXY, ACCEPT}},
	/* Without the relay they would go to a socket that the sandbox itself has on that port. */
	{"prerouting",
	 "refuses datagrams that nobody takes",
	 "nft_reject_inet",
	 {UDP, MARKED(STEER_MARK_ALLOWED), PROHIBIT}},
};

static const struct nft_rule steering[] = {
	{"prerouting",
	 "lets through what the output chain accepted",
	 NULL,
	 {{.kind = NFT_TERM_META,
	   .key = NFT_META_L4PROTO,
	   .len = 1,
	   .differs = true,
	   .value = BYTES(IPPROTO_TCP)},
	  ACCEPT}},
	/* The listener of DNS over TCP has that port on every address. */
	{"prerouting", "leaves DNS to its listener", NULL, {TO_PORT(DNS_PORT), ACCEPT}},
	/* Own addresses are not steered, and must not lead to the steering's sockets either. */
	{"prerouting",
	 "guards the proxy's port on 127.0.0.0/8",
	 "nft_reject_inet",
	 {TO_LOOPBACK4, TO_PORT(STEER_TPROXY_PORT), TCP_RESET}},
	{"prerouting",
	 "guards the proxy's port on the own IPv4 address",
	 "nft_reject_inet",
	 {TO_OWN4, TO_PORT(STEER_TPROXY_PORT), TCP_RESET}},
	{"prerouting",
	 "guards the proxy's port on ::1",
	 "nft_reject_inet",
	 {TO_LOOPBACK6, TO_PORT(STEER_TPROXY_PORT), TCP_RESET}},
	{"prerouting",
	 "guards the proxy's port on the own IPv6 address",
	 "nft_reject_inet",
	 {TO_OWN6, TO_PORT(STEER_TPROXY_PORT), TCP_RESET}},
	{"prerouting", "keeps 127.0.0.0/8 inside", NULL, {TO_LOOPBACK4, ACCEPT}},
	{"prerouting", "keeps the own IPv4 address inside", NULL, {TO_OWN4, ACCEPT}},
	{"prerouting", "keeps ::1 inside", NULL, {TO_LOOPBACK6, ACCEPT}},
	{"prerouting", "keeps the own IPv6 address inside", NULL, {TO_OWN6, ACCEPT}},
	/* TPROXY ends the rule when it finds no listener; without the next rule, the SYN would then
	 * go to a socket that the sandbox itself has on that port. */
	{"prerouting", "steers TCP", "nft_tproxy", {TCP_SYN, TPROXY, ACCEPT}},
	{"prerouting", "resets TCP that nobody takes", "nft_reject_inet", {TCP_SYN, TCP_RESET}},
	/* The rest of a connection. TPROXY matters to the last step of a handshake by SYN cookie,
	 * which no socket knows of yet; it does not match a packet for a client whose own address
	 * is an odd one. */
	{"prerouting", "steers handshakes by cookie", "nft_tproxy", {TPROXY, ACCEPT}},
	{"prerouting", "delivers the rest of TCP", NULL, {ACCEPT}},
};

static void add(struct ruleset *ruleset, const struct nft_rule *rules, size_t count)
{
	memcpy(&ruleset->rules[ruleset->rule_count], rules, count * sizeof(rules[0]));
	ruleset->rule_count += count;
}

#define COUNT_OF(list)	   (sizeof(list) / sizeof((list)[0]))
#define ADD(ruleset, list) add(ruleset, list, COUNT_OF(list))

_Static_assert(COUNT_OF(answers_first) + COUNT_OF(admissions) + COUNT_OF(verdicts) +
			       COUNT_OF(refusals) + COUNT_OF(arrivals) + COUNT_OF(datagrams) +
			       COUNT_OF(steering) <=
		       RULESET_RULES_MAX,
	       "there is room for all rules");

static void replace_queue(struct ruleset *ruleset, enum nft_term_kind queue)
{
	for (size_t i = 0; i < ruleset->rule_count; i++) {
		for (size_t j = 0; j < NFT_RULE_TERMS; j++) {
			if (ruleset->rules[i].terms[j].kind == NFT_TERM_QUEUE)
				ruleset->rules[i].terms[j].kind = queue;
		}
	}
}

static void make_sets(struct ruleset *ruleset, const uint16_t *ports, size_t port_count)
{
	const struct nft_set sets[RULESET_SETS] = {
		{.name = "datagram-ports",
		 .key = NFT_KEY_PORT,
		 .ports = ports,
		 .port_count = port_count},
		{"allowed4", NFT_KEY_DESTINATION4, RULESET_REMEMBERED, RULESET_ALLOWED_MS, NULL, 0},
		{"allowed6", NFT_KEY_DESTINATION6, RULESET_REMEMBERED, RULESET_ALLOWED_MS, NULL, 0},
		{"refused4", NFT_KEY_DESTINATION4, RULESET_REMEMBERED, RULESET_REFUSED_MS, NULL, 0},
		{"refused6", NFT_KEY_DESTINATION6, RULESET_REMEMBERED, RULESET_REFUSED_MS, NULL, 0},
	};

	memcpy(ruleset->sets, sets, sizeof(sets));
}

void ruleset_make(struct ruleset *ruleset, const uint16_t *ports, size_t port_count,
		  enum nft_term_kind queue)
{
	bool relays = port_count > 0;

	*ruleset = (struct ruleset){0};
	if (relays)
		ADD(ruleset, answers_first);
	ADD(ruleset, admissions);
	if (relays)
		ADD(ruleset, verdicts);
	ADD(ruleset, refusals);
	ADD(ruleset, arrivals);
	if (relays)
		ADD(ruleset, datagrams);
	ADD(ruleset, steering);
	replace_queue(ruleset, queue);
	make_sets(ruleset, ports, port_count);
	ruleset->table = (struct nft_table){
		.family = NFPROTO_INET,
		.name = "sallyport",
		.sets = ruleset->sets,
		.set_count = relays ? RULESET_SETS : 0,
		.chains = chains,
		.chain_count = COUNT_OF(chains),
		.rules = ruleset->rules,
		.rule_count = ruleset->rule_count,
	};
}

int ruleset_load(const uint16_t *ports, size_t port_count, struct error *err)
{
	cleanup_free struct ruleset *ruleset = malloc(sizeof(*ruleset));
	int rc;

	if (!ruleset)
		return error_set_code(err, -ENOMEM, "cannot make the nft rules");
	ruleset_make(ruleset, ports, port_count, NFT_TERM_QUEUE);
	rc = nft_batch_load(&ruleset->table, err);
	if (rc == 0 || port_count == 0)
		return rc;
	ruleset_make(ruleset, ports, port_count, NFT_TERM_QUEUE_COMPAT);
	return nft_batch_load(&ruleset->table, err);
}
