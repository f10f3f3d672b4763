/*
 * The index of find.h: by a character and the one before it, the places in forms where the two
 * stand together; by a character, the forms that begin with it; and a bit table of three characters
 * that stand together in a form that may be broken into lines, as line breaks are many. It lies in
 * memory of its user, which must be zero.
 */
#ifndef PROXY_SECRET_FIND_INDEX_H
#define PROXY_SECRET_FIND_INDEX_H

#include <stdbool.h>

#include "proxy/secret/forms.h"

/* A character of a form: OFFSET characters are before it. */
struct find_place {
	uint16_t form;
	uint16_t offset;
};

struct find_index {
	const struct form *forms;
	unsigned int shift;
	const uint32_t *starts; /* of each bucket's places, and the end of the last */
	const struct find_place *places;
	uint32_t first_starts[257]; /* by first character */
	const uint16_t *firsts;
	unsigned int triple_shift;
	const uint64_t *triples;
	bool begins[256];  /* characters that a form has first, */
	bool follows[256]; /* or later */
	bool strange[256]; /* in no form, no line break, and they spell nothing */
};

/* HEAD: how much of each form is indexed. */
size_t find_index_bytes(const struct form forms[], size_t count, size_t head);
void find_index_build(struct find_index *index, void *memory, const struct form forms[],
		      size_t count, size_t head);

/* The places where C stands behind BEFORE, and others, from *PLACE up to the end returned. */
const struct find_place *find_index_places(const struct find_index *index, char before, char c,
					   const struct find_place **end);

/* Whether a form that may have a line break between B and C may have these three together. Says yes
 * now and then when it has not. */
bool find_index_may_break(const struct find_index *index, char a, char b, char c);

#endif
