#include "base/wallclock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t wallclock_now_us(void)
{
	return read_clock_us(CLOCK_REALTIME);
}

int64_t monotonic_now_us(void)
{
	return read_clock_us(CLOCK_MONOTONIC);
}

void wallclock_format(int64_t us, char text[WALLCLOCK_TEXT_BYTES])
{
	static time_t kept_second = -1;
	static char kept[32];
	time_t second = (time_t)(us / 1000000);
	int64_t micros = us % 1000000;
	struct tm parts;

	if (second != kept_second) {
		gmtime_r(&second, &parts);
		strftime(kept, sizeof(kept), "%Y-%m-%dT%H:%M:%S.", &parts);
		kept_second = second;
	}
	memcpy(text, kept, 20);
	for (int i = 25; i >= 20; i--) {
		text[i] = (char)('0' + micros % 10);
		micros /= 10;
	}
	text[26] = 'Z';
	text[27] = '\0';
}
