/* Random bytes from the kernel (getrandom(2)). */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills LEN bytes. Cannot fail on a kernel that has getrandom; ends the process if it does, as
 * going on with predictable tokens would be worse. */
void random_bytes(void *bytes, size_t len);

/* A uniformly distributed number below BOUND, which must not be 0. */
uint32_t random_below(uint32_t bound);

#endif
