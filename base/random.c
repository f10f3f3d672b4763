#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *bytes, size_t len)
{
	char *next = bytes;

	while (len) {
		ssize_t got = getrandom(next, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		next += got;
		len -= (size_t)got;
	}
}

uint32_t random_below(uint32_t bound)
{
	/* Numbers under the threshold would make the low remainders likelier. */
	uint32_t threshold = -bound % bound, number;

	do {
		random_bytes(&number, sizeof(number));
	} while (number < threshold);
	return number % bound;
}
