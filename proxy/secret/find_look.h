/*
 * A quick look at what a percent sign, a backslash or an ampersand begins. Most spelled characters
 * of a text are easy to read and in no form: they must cost little.
 */
#ifndef PROXY_SECRET_FIND_LOOK_H
#define PROXY_SECRET_FIND_LOOK_H

#include "base/slice.h"

struct find_look {
	bool closer; /* what it is takes a closer look (escape.h), and the rest is unset */
	int count;   /* 0: nothing is spelled, every reader sees the character itself */
	/* The first byte of what it is, to who decodes once, and to who decodes twice, if that
	 * makes another; and the length of its spelling. */
	unsigned char bytes[2];
	size_t lengths[2];
};

/* What REST begins with, which is one of these characters. */
struct find_look find_look(struct slice rest);

#endif
