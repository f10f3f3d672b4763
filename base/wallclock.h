/* Clocks: wall time for records, monotonic time for durations. */
#ifndef BASE_WALLCLOCK_H
#define BASE_WALLCLOCK_H

#include <stddef.h>
#include <stdint.h>

enum { WALLCLOCK_TEXT_BYTES = sizeof("2026-11-20T14:03:22.104518Z") };

/* Microseconds since the epoch, UTC. */
int64_t wallclock_now_us(void);

/* Microseconds of a clock that never goes back. */
int64_t monotonic_now_us(void);

/* RFC 3339 with microseconds, UTC. The text of the current second is kept, as records come in
 * bursts; not for use by several threads. */
void wallclock_format(int64_t us, char text[WALLCLOCK_TEXT_BYTES]);

#endif
