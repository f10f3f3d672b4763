/* INIT gives up what it has and does not need: rights, memory, descriptors. */
#ifndef PROXY_STEER_FORGET_H
#define PROXY_STEER_FORGET_H

#include "base/error.h"
#include "base/slice.h"

/* The part of a process's memory that holds its arguments and its environment. */
struct forget_span {
	unsigned long start;
	unsigned long end;
};

/* Reads it from STAT, the content of /proc/PID/stat. 0 or ERROR_SYNTAX. */
int forget_find_span(struct slice stat, struct forget_span *arguments,
		     struct forget_span *environment);

/* Does it all. For a process that will not need its environment again, nor its standard streams. */
int forget_everything(struct error *err);

#endif
