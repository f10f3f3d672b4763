/*
 * The sandbox's rules for packets: the one table "inet sallyport".
 *
 * Datagrams may be relayed if some rule of the policy names the port that they go to, and then the
 * table has sets and rules more: such a packet is queued, the first to each destination, and comes
 * back with a mark that says what the engine's verdict is (steer.h). The sets remember verdicts for
 * a while, so that the packets behind are not queued.
 */
#ifndef PROXY_STEER_RULESET_H
#define PROXY_STEER_RULESET_H

#include "proxy/steer/nft_batch.h"
#include "proxy/steer/steer.h"

enum {
	RULESET_RULES_MAX = 48,
	RULESET_SETS = 5,
	RULESET_REMEMBERED = 4096,  /* destinations, in each set of verdicts */
	RULESET_ALLOWED_MS = 30000, /* then the next packet asks again */
	RULESET_REFUSED_MS = 2000,
};

struct ruleset {
	struct nft_rule rules[RULESET_RULES_MAX];
	size_t rule_count;
	struct nft_set sets[RULESET_SETS];
	struct nft_table table;
};

/* Makes the rules, for datagrams to the PORTS (NULL: none). QUEUE is NFT_TERM_QUEUE or
 * NFT_TERM_QUEUE_COMPAT. RULESET points to itself, and must not be moved. */
void ruleset_make(struct ruleset *ruleset, const uint16_t *ports, size_t port_count,
		  enum nft_term_kind queue);

/* Loads them into the calling process's network namespace. Where the kernel has no nft_queue, the
 * target of iptables takes its place. */
int ruleset_load(const uint16_t *ports, size_t port_count, struct error *err);

#endif
