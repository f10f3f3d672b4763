/*
 * Responses, so that no secret comes back (design section 3, rule 9; threats S1 to S5).
 *
 *   level    when                                  what
 *   NONE     no secret goes to this host           responses pass
 *   TRY      some secret is bound to this host,    scrubbed; a body that cannot be looked through
 *            but none goes into this request       passes
 *   MUST     a secret goes into this request       scrubbed; such a body is refused
 *
 * Fields, informational responses and trailers are scrubbed of secrets whose scrub is "true" or
 * "fields", bodies of those whose scrub is "true". A body goes through a flow: decoded, scrubbed,
 * and on without its coding. Its length stands if that cannot change it, else it is framed anew.
 */
#ifndef PROXY_ENGINE_EXCHANGE_SCRUB_H
#define PROXY_ENGINE_EXCHANGE_SCRUB_H

#include "proxy/engine/exchange.h"

/* Decides the level, once the request is judged, and takes out of the request what would bring
 * responses that cannot be looked through: codings that are not known, and ranges. */
void exchange_scrub_request(struct exchange *exchange);

/* Scrubs the head, and prepares for the body. 0; or a negative code with *WHY, and the response
 * must not pass. */
int exchange_scrub_response(struct exchange *exchange, struct http_message *response,
			    const char **why);

/* 0 or -ENOMEM. */
int exchange_scrub_fields(struct exchange *exchange, struct http_fields *fields);

#endif
