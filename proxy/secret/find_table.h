/* What a finder is made of, and a search. Private to find*.c. */
#ifndef PROXY_SECRET_FIND_TABLE_H
#define PROXY_SECRET_FIND_TABLE_H

#include "base/locked.h"
#include "proxy/secret/find.h"
#include "proxy/secret/find_index.h"
#include "proxy/secret/scan.h"

/* Memory that is locked, or not. */
struct find_memory {
	char *bytes;
	struct locked locked; /* or unmapped: then BYTES is from the heap */
};

struct finder {
	const struct form *forms;
	size_t count;
	size_t longest;
	struct scanner *scanner; /* of the forms' heads */
	struct find_index index;
	struct find_memory texts;
	struct find_memory tables; /* the finder itself is in it */
};

struct search {
	const struct finder *finder;
	struct slice text;
	size_t from;
	size_t before; /* hits begin before it */
	bool whole;
	bool for_open; /* OPEN is asked for, not hits */
	bool found;
	struct find_hit best;
	size_t open; /* where the first form begins that the end of the text leaves open */
};

/* The forms whose head stands plain at START. */
void search_heads(struct search *search, size_t start);

/* The forms of which the first spelled character, or the first line break, is at AT: a percent
 * sign, a backslash, an ampersand, a line feed, or a carriage return. */
void search_mark(struct search *search, size_t at);

/* What begins at AT cannot be told yet, so that any form may go on there that has LEAST characters
 * before it. */
void search_leave_open(struct search *search, size_t at, size_t least);

#endif
