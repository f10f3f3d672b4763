/* What a worker may hand over: a body that is accepted must be, framed as a line, what every reader
 * takes for one sound line. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "proxy/audit/body.h"
#include "proxy/audit/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(struct slice line)
{
	json_t *record = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
				    NULL);
	struct slice previous;
	uint64_t seq;

	if (!record || !line_read_seq(line, &seq) || !line_read_previous(line, &previous) ||
	    seq != 7 || json_integer_value(json_object_get(record, "seq")) != 7)
		abort();
	for (size_t i = 0; i < line.len; i++) {
		if ((unsigned char)line.ptr[i] < 0x20 || line.ptr[i] == 0x7f)
			abort();
	}
	json_decref(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = slice_of(data, size);
	char line[LINE_MAX_BYTES];

	if (audit_body_is_sound(body, NULL))
		check_line(slice_of(line, line_write(7, body, line_no_hash, line) - 1));
	return 0;
}
