/* The certificates of a PEM file (RFC 7468), as text and as bytes. */
#ifndef CA_PEM_H
#define CA_PEM_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/slice.h"

/* Finds the next certificate in REST and moves REST behind it. BLOCK is its text from the first
 * hyphen to the last. Everything else (comments, keys, other kinds) is passed over. False when
 * there is none any more. */
bool pem_next(struct slice *rest, struct slice *block);

/* Decodes BLOCK to OUT, which has room for twice its length: the length of the DER, or ERROR_SYNTAX
 * when it is not the base64 of one DER sequence. */
ssize_t pem_decode(struct slice block, char *out);

#endif
