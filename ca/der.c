#include "ca/der.h"

#include "base/error.h"

struct der der_of(void *bytes, size_t size)
{
	uint8_t *start = bytes;

	return (struct der){.start = start, .at = start + size, .end = start + size};
}

static void put(struct der *der, const void *bytes, size_t len)
{
	if (der->error || (size_t)(der->at - der->start) < len) {
		der->error = ERROR_LIMIT;
		return;
	}
	der->at -= len;
	memcpy(der->at, bytes, len);
}

static void put_byte(struct der *der, size_t byte)
{
	uint8_t value = (uint8_t)byte;

	put(der, &value, 1);
}

static void put_length(struct der *der, size_t len)
{
	size_t rest = len, count = 0;

	if (len < 0x80) {
		put_byte(der, len);
		return;
	}
	for (; rest; rest >>= 8, count++)
		put_byte(der, rest & 0xff);
	put_byte(der, 0x80 | count);
}

void der_wrap(struct der *der, enum der_tag tag, size_t mark)
{
	put_length(der, der_length(der) - mark);
	put_byte(der, tag);
}

void der_value(struct der *der, enum der_tag tag, struct slice content)
{
	size_t mark = der_length(der);

	put(der, content.ptr, content.len);
	der_wrap(der, tag, mark);
}

void der_number(struct der *der, uint32_t value)
{
	size_t mark = der_length(der);

	do {
		put_byte(der, value & 0xff);
		value >>= 8;
	} while (value);
	/* The first bit is the sign. */
	if (!der->error && *der->at & 0x80)
		put_byte(der, 0);
	der_wrap(der, DER_INTEGER, mark);
}
