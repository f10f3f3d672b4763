/* The random parts of placeholders. Private to the module. */
#ifndef POLICY_PLACEHOLDER_RANDOM_H
#define POLICY_PLACEHOLDER_RANDOM_H

#include "policy/placeholder.h"

struct alphabet {
	const char *letters;
	unsigned int millibits; /* of one letter: 1000 times the binary logarithm of their number */
};

extern const struct alphabet alphabet_alnum;
extern const struct alphabet alphabet_alpha;
extern const struct alphabet alphabet_digits;
extern const struct alphabet alphabet_hex_lower;
extern const struct alphabet alphabet_hex_upper;
extern const struct alphabet alphabet_base32;

/* How many letters hold PLACEHOLDER_MIN_RANDOM_BITS. */
size_t alphabet_least(const struct alphabet *alphabet);

void alphabet_fill(const struct alphabet *alphabet, char *out, size_t len);

/* Base64url without padding (RFC 4648 section 5) of BYTES, at most PLACEHOLDER_MAX_BYTES of text.
 * The length of the text. */
size_t placeholder_base64url(struct slice bytes, char *out);

/* LEN characters, no length of the form 4n + 1, that decode as base64url. */
void placeholder_fill_base64url(char *out, size_t len);

/* A JWT in the place of SECRET, which is one. The length, or ERROR_LIMIT. */
ssize_t placeholder_make_jwt(struct slice secret, char *out, size_t size);

/* Whether S is three parts of base64url with dots between, the first of them a JSON object. */
bool placeholder_is_jwt(struct slice s);

bool placeholder_is_base64url(struct slice s);

#endif
