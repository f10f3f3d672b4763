/* Bodies with placeholders in them, for the fuzz targets of the stages for slots: bytes from 0xf0
 * on stand for a placeholder, in one of several spellings. */
#ifndef TESTS_FUZZ_SLOTS_BODY_H
#define TESTS_FUZZ_SLOTS_BODY_H

#include "tests/unit/secret/slots_drive.h"

enum { SLOTS_BODY_MAX_BYTES = 64 << 10 };

static inline struct slice slots_make_body(struct slice orders)
{
	static const char *const spellings[16] = {
		SLOTS_PLACEHOLDER,	    SLOTS_PLACEHOLDER,
		SLOTS_PLACEHOLDER,	    SLOTS_OTHER,
		"ph\\/key-0123456789",	    "\\u0070h/key-\\u00301\\u00323456789",
		"ph%2Fkey-0123456789",	    "%70h%2fkey-012345678%39",
		"ph%252Fkey-0123456789",    "ph&#47;key-0123456789",
		"ph\\\\/key-0123456789",    "cGgva2V5LTAxMjM0NTY3ODk=",
		"eHBoL2tleS0wMTIzNDU2Nzg5", "cGgva2V5LTAx\r\nMjM0NTY3ODk=",
		"ph/key-01234567",	    "70682f6b65792d30313233343536373839",
	};
	static char body[SLOTS_BODY_MAX_BYTES];
	size_t used = 0;

	for (size_t i = 0; i < orders.len && used < sizeof(body) - 64; i++) {
		unsigned char c = (unsigned char)orders.ptr[i];

		if (c < 0xf0) {
			body[used++] = (char)c;
			continue;
		}
		memcpy(body + used, spellings[c - 0xf0], strlen(spellings[c - 0xf0]));
		used += strlen(spellings[c - 0xf0]);
	}
	return slice_of(body, used);
}

/* Set up once: the store's memory takes its time. */
static inline struct slots_test *slots_fuzz_test(void)
{
	static struct slots_test test;
	static bool is_set_up;

	if (!is_set_up)
		slots_set_up(&test);
	is_set_up = true;
	return &test;
}

/* Runs BODY through stages that MAKE makes, whole and cut: the same comes out, and the judge is
 * asked the same. *OUT is what came out. */
static inline int slots_fuzz_run(struct slots_test *test,
				 struct stage *(*make)(const struct slots_test *test),
				 struct slice body, size_t first, size_t cut, struct buffer *out)
{
	static char asked[sizeof(test->asked)];
	struct buffer other;
	int rc, again;

	rc = slots_run(test, make(test), body, body.len + 1, 1, out);
	memcpy(asked, test->asked, test->used + 1);
	again = slots_run(test, make(test), body, first, 1 + cut, &other);
	assert(rc == again);
	assert(strcmp(asked, test->asked) == 0);
	assert(rc < 0 || slice_equal(buffer_slice(out), buffer_slice(&other)));
	buffer_free(&other);
	return rc;
}

#endif
