#include "proxy/engine/record_rate.h"

enum {
	RECORDS_A_SECOND = 50,
	RECORDS_BURST = 200,
};

void record_rate_init(struct record_rate *rate, ev_tstamp now)
{
	*rate = (struct record_rate){.allowance = RECORDS_BURST, .counted_at = now};
}

bool record_rate_take(struct record_rate *rate, ev_tstamp now)
{
	rate->allowance += (now - rate->counted_at) * RECORDS_A_SECOND;
	rate->counted_at = now;
	if (rate->allowance > RECORDS_BURST)
		rate->allowance = RECORDS_BURST;
	if (rate->allowance < 1) {
		rate->suppressed++;
		return false;
	}
	rate->allowance--;
	return true;
}

void record_rate_put_back(struct record_rate *rate)
{
	rate->allowance++;
	rate->suppressed++;
}
