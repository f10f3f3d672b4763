/* Slots in a multipart form from arbitrary bytes: however the body is cut, the same comes out, and
 * the judge is asked the same. Where a value went in, those who look for the boundary anywhere see
 * it in the content of a part, behind a head that says form-data. */
#include "policy/slot.h"
#include "tests/fuzz/slots_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BOUNDARY "-b-b"

static size_t put_in;

static enum slots_verdict judge(void *owner, const struct secret_entry *entry,
				const struct slots_place *place)
{
	enum slots_verdict verdict = slots_judge_test(owner, entry, place);

	put_in += verdict == SLOTS_PUT_IN;
	return verdict;
}

static struct stage *make(const struct slots_test *test)
{
	return slots_multipart_stage(&test->owner, SLICE_LITERAL(BOUNDARY));
}

static void check_part(struct slice part)
{
	size_t value = slice_find(part, SLICE_LITERAL(SLOTS_VALUE));
	size_t head = slice_find(part, SLICE_LITERAL("\r\n\r\n"));
	char text[SLOTS_PART_HEAD_MAX_BYTES + 300];

	if (value == part.len)
		return;
	assert(head < value && head < sizeof(text));
	memcpy(text, part.ptr, head);
	text[head] = 0;
	assert(strcasestr(text, "\r\nContent-Disposition:"));
	assert(strcasestr(text, "form-data"));
	assert(strcasestr(text, "name="));
}

static void check_parts(struct slice rest)
{
	struct slice delimiter = SLICE_LITERAL("--" BOUNDARY);
	size_t end = slice_find(rest, delimiter);

	assert(slice_find(slice_first(rest, end), SLICE_LITERAL(SLOTS_VALUE)) == end);
	while (end < rest.len) {
		rest = slice_from(rest, end + delimiter.len);
		end = slice_find(rest, delimiter);
		check_part(slice_first(rest, end));
	}
}

static size_t count_values(struct slice text)
{
	size_t count = 0, at;

	while ((at = slice_find(text, SLICE_LITERAL(SLOTS_VALUE))) < text.len) {
		text = slice_from(text, at + 1);
		count++;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slots_test *test = slots_fuzz_test();
	struct slice body;
	struct buffer out;

	if (size < 2)
		return 0;
	body = slots_make_body(slice_of(data + 2, size - 2));
	put_in = 0;
	test->owner.judge = judge;
	test->verdict = SLOTS_PUT_IN;
	test->elsewhere = data[0] & 1 ? SLOTS_KEEP : SLOTS_TAKE_OUT;
	/* The body may have the value in it, too, or have it when something was taken out. */
	if (slots_fuzz_run(test, make, body, data[0], data[1], &out) == STAGE_END &&
	    count_values(buffer_slice(&out)) * 2 == put_in)
		check_parts(buffer_slice(&out));
	buffer_free(&out);
	return 0;
}
