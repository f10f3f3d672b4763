/* How an exchange ends, and what its parts need of each other. Private to exchange*.c. */
#ifndef PROXY_ENGINE_EXCHANGE_LIFE_H
#define PROXY_ENGINE_EXCHANGE_LIFE_H

#include "proxy/engine/exchange.h"

/* Lets go of everything, and tells the client's leg. The record was written. */
void exchange_finish(struct exchange *exchange, bool cut);

/* The way to the origin, or back, has failed: records it, and answers the client with STATUS and
 * WHY as long as no response was passed on, or cuts it off. */
void exchange_fail(struct exchange *exchange, int status, const char *why);

/* Of exchange_create(). */
void exchange_response_init(struct exchange *exchange);

#endif
