/* Which answer a question gets: the table at the head of server.h. Asks nobody. */
#ifndef PROXY_DNS_ANSWER_H
#define PROXY_DNS_ANSWER_H

#include "proxy/dns/names.h"
#include "proxy/dns/wire.h"

/* Fills ANSWER; a name that has no synthetic address yet is given one in NAMES. */
void dns_decide_answer(struct names *names, const struct dns_question *question,
		       struct dns_answer *answer);

/* The answer to every question that the owner could not take note of. */
void dns_decide_failure(struct dns_answer *answer);

#endif
