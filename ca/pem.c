#include "ca/pem.h"

#include "base/base64.h"
#include "base/cursor.h"
#include "base/error.h"

#define BEGIN SLICE_LITERAL("-----BEGIN CERTIFICATE-----")
#define END   SLICE_LITERAL("-----END CERTIFICATE-----")

bool pem_next(struct slice *rest, struct slice *block)
{
	struct slice from = slice_from(*rest, slice_find(*rest, BEGIN));
	size_t until = slice_find(from, END);

	if (until == from.len)
		return false;
	*block = slice_first(from, until + END.len);
	*rest = slice_from(from, until + END.len);
	return true;
}

static bool is_space(char c)
{
	return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* What is between the first and the last line, without its line breaks. */
static struct slice strip(struct slice block, char *out)
{
	size_t used = 0;

	for (size_t i = BEGIN.len; i < block.len - END.len; i++) {
		if (!is_space(block.ptr[i]))
			out[used++] = block.ptr[i];
	}
	return slice_of(out, used);
}

/* X.690 section 8.1.3: a sequence whose length is that of all the bytes. */
static bool is_sequence(struct slice der)
{
	struct reader r = reader_of(der);
	uint8_t tag = reader_u8(&r), first = reader_u8(&r);
	size_t len = first;

	if (first == 0x81)
		len = reader_u8(&r);
	else if (first == 0x82)
		len = reader_u16(&r);
	else if (first == 0x83)
		len = reader_u24(&r);
	else if (first >= 0x80)
		return false;
	return !r.error && tag == 0x30 && len == reader_left(&r);
}

ssize_t pem_decode(struct slice block, char *out)
{
	ssize_t len = base64_decode(strip(block, out + block.len), out);

	if (len < 0)
		return len;
	return is_sequence(slice_of(out, (size_t)len)) ? len : ERROR_SYNTAX;
}
