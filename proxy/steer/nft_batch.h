/*
 * An nftables transaction: tables, chains and rules are added to one batch, which the kernel takes
 * whole or not at all. A rule is a row of terms, which are what the kernel's expressions are.
 */
#ifndef PROXY_STEER_NFT_BATCH_H
#define PROXY_STEER_NFT_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum nft_term_kind {
	NFT_TERM_NONE, /* ends a rule */
	NFT_TERM_META,
	NFT_TERM_PAYLOAD,
	NFT_TERM_COUNTER,
	NFT_TERM_LOG,
	NFT_TERM_TPROXY,
	NFT_TERM_REJECT,
	NFT_TERM_QUEUE,
	NFT_TERM_QUEUE_COMPAT,
	NFT_TERM_VERDICT,
	NFT_TERM_SET_MARK,
	NFT_TERM_IN_SET, /* ends the rule when the packet is not in the set: of a table's sets,
			    VALUE is the name; DIFFERS: when it is */
	NFT_TERM_ADD_TO_SET,
};

/* What of a packet is a set's key. */
enum nft_key {
	NFT_KEY_PORT,	      /* that it goes to */
	NFT_KEY_DESTINATION4, /* the IPv4 address and the port that it goes to */
	NFT_KEY_DESTINATION6,
};

/* META and PAYLOAD compare the LEN bytes that they find, under MASK if it is given, with VALUE. */
struct nft_term {
	enum nft_term_kind kind;
	uint32_t key;	 /* meta key, payload base, log group, TPROXY port, reject type, queue,
			  * verdict,    mark, enum nft_key */
	uint32_t offset; /* of PAYLOAD; the code of REJECT */
	uint32_t len;
	bool differs; /* true when the two are not equal */
	const void *mask;
	const void *value;
};

enum { NFT_RULE_TERMS = 6 };

struct nft_rule {
	const char *chain;
	const char *what;   /* "the rule that WHAT", for errors */
	const char *module; /* the kernel module that it needs beyond nf_tables, or NULL */
	struct nft_term terms[NFT_RULE_TERMS];
};

struct nft_chain {
	const char *name;
	uint32_t hook;
	int32_t priority;
	uint32_t policy;
};

/* A set that the packets of rules are looked up in, and that they may be added to. */
struct nft_set {
	const char *name;
	enum nft_key key;
	uint32_t size;	       /* the most that it holds, if packets are added to it */
	uint64_t timeout_ms;   /* of what packets add; 0: none are added */
	const uint16_t *ports; /* what a set of NFT_KEY_PORT holds from the beginning */
	size_t port_count;
};

struct nft_table {
	uint32_t family; /* NFPROTO_... */
	const char *name;
	const struct nft_set *sets;
	size_t set_count;
	const struct nft_chain *chains;
	size_t chain_count;
	const struct nft_rule *rules;
	size_t rule_count;
};

/* Loads TABLE into the calling process's network namespace, which must not have it yet. */
int nft_batch_load(const struct nft_table *table, struct error *err);

#endif
