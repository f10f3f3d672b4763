/* The sandbox's rules for packets: the one table "inet sallyport". */
#ifndef PROXY_STEER_RULESET_H
#define PROXY_STEER_RULESET_H

#include "proxy/steer/nft_batch.h"

extern const struct nft_table ruleset_table;

#endif
