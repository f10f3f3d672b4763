/*
 * A DER writer (X.690) that writes from the end to the start, so that a length is known when its
 * turn comes: first the content, then the header before it. It never writes before its start; what
 * does not fit sets a sticky error.
 */
#ifndef CA_DER_H
#define CA_DER_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum der_tag {
	DER_INTEGER = 0x02,
	DER_OCTETS = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_BMP_TEXT = 0x1e,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_EXPLICIT_0 = 0xa0,
};

struct der {
	uint8_t *start;
	uint8_t *at; /* what was written is from here to the end */
	uint8_t *end;
	int error; /* 0 or ERROR_LIMIT */
};

struct der der_of(void *bytes, size_t size);

static inline size_t der_length(const struct der *der)
{
	return (size_t)(der->end - der->at);
}

static inline struct slice der_slice(const struct der *der)
{
	return slice_of(der->at, der_length(der));
}

/* A value with its header. */
void der_value(struct der *der, enum der_tag tag, struct slice content);

/* A number from 0 to INT32_MAX. */
void der_number(struct der *der, uint32_t value);

/* The header for all that was written since the length was MARK. */
void der_wrap(struct der *der, enum der_tag tag, size_t mark);

#endif
