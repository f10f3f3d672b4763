/* What c-ares brings back, read. Private to nameserver.c. */
#ifndef PROXY_ENGINE_NAMESERVER_ANSWER_H
#define PROXY_ENGINE_NAMESERVER_ANSWER_H

#include "proxy/engine/nameserver.h"

/* A response that c-ares matched to its question, of at least a header. */
bool nameserver_is_format_error(const unsigned char *bytes, int len);
void nameserver_read_answer(enum nameserver_family family, const unsigned char *bytes, int len,
			    struct nameserver_answer *answer);

/* What became of a question when all servers were tried: STATUS is c-ares's (ARES_ETIMEOUT, ...).
 * Where the last word was a response that refused, RCODE tells which, as c-ares does not; else it
 * is -1. */
enum nameserver_outcome nameserver_judge_status(int status, int rcode);

#endif
