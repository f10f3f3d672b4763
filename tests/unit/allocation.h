/*
 * Makes allocations fail on purpose. Linked into every unit test, whose malloc, calloc, realloc,
 * strdup and strndup go through it (ld --wrap); the C library's own and those of shared libraries
 * do not.
 */
#ifndef TESTS_UNIT_ALLOCATION_H
#define TESTS_UNIT_ALLOCATION_H

#include <stdbool.h>

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* From now on the N-th allocation (1 is the next) fails, and no other. 0 lets all succeed. */
void allocation_fail_nth(unsigned long n);

/* Whether the failure asked for has happened. */
bool allocation_failed(void);

/* Runs ATTEMPT with the first allocation failing, then the second, and so on, until it goes through
 * without one failing; each run must release all it took (the sanitizer build sees to that).
 * ATTEMPT returns negative when it failed, and must do so whenever an allocation did, unless
 * TOLERANT. */
void allocation_try_all(int (*attempt)(void *context), void *context, bool tolerant);

#endif
