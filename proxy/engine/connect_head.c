#include "proxy/engine/connect_head.h"

#include "base/error.h"

#define VERSION "HTTP/1."

enum { STATUS_LINE_BYTES = sizeof(VERSION "1 200") - 1 };

static int read_status(struct slice line, struct connect_head *head)
{
	const char *digits = line.ptr + sizeof(VERSION "1 ") - 1;

	if (!slice_starts_with(line, SLICE_LITERAL(VERSION)) ||
	    !ascii_is_digit(line.ptr[sizeof(VERSION) - 1]) || digits[-1] != ' ')
		return ERROR_SYNTAX;
	head->status = 0;
	for (size_t i = 0; i < 3; i++) {
		if (!ascii_is_digit(digits[i]))
			return ERROR_SYNTAX;
		head->status = head->status * 10 + (digits[i] - '0');
	}
	if (line.len > STATUS_LINE_BYTES && line.ptr[STATUS_LINE_BYTES] != ' ' &&
	    line.ptr[STATUS_LINE_BYTES] != '\r')
		return ERROR_SYNTAX;
	return head->status >= 100 && head->status < 600 ? 0 : ERROR_SYNTAX;
}

int connect_head_read(struct slice received, struct connect_head *head)
{
	static const struct slice end = SLICE_LITERAL("\r\n\r\n");
	struct slice known = slice_first(SLICE_LITERAL(VERSION), received.len);
	size_t mark = slice_find(received, end);

	/* What is no answer of HTTP is told at its first bytes: its end would not come. */
	if (!slice_starts_with(received, known))
		return ERROR_SYNTAX;
	if (received.len >= STATUS_LINE_BYTES && read_status(received, head) < 0)
		return ERROR_SYNTAX;
	if (mark == received.len)
		return received.len < CONNECT_HEAD_MAX_BYTES ? 0 : ERROR_LIMIT;
	if (mark + end.len > CONNECT_HEAD_MAX_BYTES)
		return ERROR_LIMIT;
	if (mark < STATUS_LINE_BYTES)
		return ERROR_SYNTAX;
	head->length = mark + end.len;
	return 1;
}
