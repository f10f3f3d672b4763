/* Points in time, as records have them and as people name them. */
#ifndef PROXY_AUDIT_MOMENT_H
#define PROXY_AUDIT_MOMENT_H

#include <stdint.h>

#include "base/slice.h"

/* A date-time of RFC 3339, such as 2026-11-20T14:03:22.104518Z or 2026-11-20T14:03+01:00: a blank
 * may stand for the T, seconds may be left out, so may the time (midnight) and the zone (UTC).
 * Microseconds since the epoch go to *US; digits behind them are dropped. 0 or ERROR_SYNTAX. */
int moment_parse(struct slice text, int64_t *us);

/* The same, or how long before NOW_US: 90s, 30m, 2h, 7d. */
int moment_parse_relative(struct slice text, int64_t now_us, int64_t *us);

#endif
