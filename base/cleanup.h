/*
 * Attributes that release a resource when its variable goes out of scope, so that an early return
 * cannot forget it. Ownership leaves a variable only by a visible take_ptr() or take_fd().
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

static inline void cleanup_free_ptr(void *variable)
{
	void **pointer = variable;

	free(*pointer);
	*pointer = NULL;
}

static inline void cleanup_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void cleanup_close_file(FILE **file)
{
	if (*file)
		fclose(*file);
	*file = NULL;
}

#define cleanup_free   CLEANUP(cleanup_free_ptr)
#define cleanup_close  CLEANUP(cleanup_close_fd)
#define cleanup_fclose CLEANUP(cleanup_close_file)

/* Moves the value out of VARIABLE, which then owns nothing. */
#define take_ptr(variable)                                                                         \
	({                                                                                         \
		__typeof__(variable) taken_ = (variable);                                          \
		(variable) = NULL;                                                                 \
		taken_;                                                                            \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
