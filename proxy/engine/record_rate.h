/* Records of what a sandbox may cause as often as it likes: so many a second, the rest is counted.
 */
#ifndef PROXY_ENGINE_RECORD_RATE_H
#define PROXY_ENGINE_RECORD_RATE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct record_rate {
	double allowance; /* records that may be written now */
	ev_tstamp counted_at;
	uint64_t suppressed; /* that were not written; the next record tells, and sets it to 0 */
};

void record_rate_init(struct record_rate *rate, ev_tstamp now);

/* Whether a record may be written. If it may not, it is counted. */
bool record_rate_take(struct record_rate *rate, ev_tstamp now);

/* The record that was to be written cannot be: it is counted, and another may be. */
void record_rate_put_back(struct record_rate *rate);

#endif
