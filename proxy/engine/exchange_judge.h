/* The verdict on one request: everything that is looked at before a connection is made. */
#ifndef PROXY_ENGINE_EXCHANGE_JUDGE_H
#define PROXY_ENGINE_EXCHANGE_JUDGE_H

#include "proxy/engine/answer.h"
#include "proxy/engine/exchange.h"

/* True: the request may go on, as EXCHANGE->request now is (canonical path, stripped of what must
 * be). False: ANSWER is what the client is told. */
bool exchange_judge(struct exchange *exchange, struct answer *answer);

/* The same of the TRAILERS, which are stripped of what must be. */
bool exchange_judge_trailers(struct exchange *exchange, struct http_fields *trailers,
			     struct answer *answer);

/* The refusal of EXCHANGE's plan, which was found in the body, as an answer. */
void exchange_refuse_misuse(struct exchange *exchange, struct answer *answer);

/* In observe mode a misuse in the body goes on, and is marked: true then. */
bool exchange_lets_misuse_pass(struct exchange *exchange);

#endif
