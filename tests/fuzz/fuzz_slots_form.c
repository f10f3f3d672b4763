/* Slots in an urlencoded form from arbitrary bytes: however the body is cut, the same comes out,
 * and the judge is asked the same. */
#include "tests/fuzz/slots_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct stage *make(const struct slots_test *test)
{
	return slots_form_stage(&test->owner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slots_test *test = slots_fuzz_test();
	struct slice body;
	struct buffer out;

	if (size < 2)
		return 0;
	body = slots_make_body(slice_of(data + 2, size - 2));
	test->verdict = SLOTS_PUT_IN;
	test->elsewhere = data[0] & 1 ? SLOTS_KEEP : SLOTS_TAKE_OUT;
	slots_fuzz_run(test, make, body, data[0], data[1], &out);
	buffer_free(&out);
	return 0;
}
