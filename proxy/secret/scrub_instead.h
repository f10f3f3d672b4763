/* What is written in the place of a secret. Private to scrub.c. */
#ifndef PROXY_SECRET_SCRUB_INSTEAD_H
#define PROXY_SECRET_SCRUB_INSTEAD_H

#include "proxy/secret/find.h"

/* The most that scrub_write_form() writes to. */
size_t scrub_form_bytes(const struct form *form, struct slice placeholder);

/* PLACEHOLDER in the form of FORM. KEEP_LENGTH, or a part of a larger encoding: as long as it.
 * Returns the length. */
size_t scrub_write_form(const struct form *form, struct slice placeholder, bool keep_length,
			char *out);

/* The most that scrub_write_hit() writes for TEXT. */
size_t scrub_hit_bytes(struct slice text, struct slice instead);

/* INSTEAD, a placeholder in the form of HIT, spelled as TEXT is, which begins with HIT; and stars
 * for what overlaps HIT in TEXT, behind it. KEEP_LENGTH: as long as TEXT. Returns the length. */
size_t scrub_write_hit(const struct find_hit *hit, struct slice text, struct slice instead,
		       bool keep_length, char *out);

#endif
