/* The audit record of an exchange. */
#ifndef PROXY_ENGINE_EXCHANGE_RECORD_H
#define PROXY_ENGINE_EXCHANGE_RECORD_H

#include "proxy/engine/exchange.h"

/* Commits the record that EXCHANGE has reserved. ALLOW: the verdict; ERROR: allowed, and it failed,
 * or NULL. */
void exchange_write_record(struct exchange *exchange, bool allow, const char *error);

#endif
