#include "tests/unit/allocation.h"

#include <string.h>
#include <unistd.h>

#include "base/say.h"

/* What say() writes for TEXT, behind its prefix and without the last newline. */
static const char *said(const char *text)
{
	static char line[8192];
	int ends[2];
	ssize_t len;

	assert_int_equal(pipe(ends), 0);
	say_set_fd(ends[1]);
	say("%s", text);
	say_set_fd(STDERR_FILENO);
	close(ends[1]);
	len = read(ends[0], line, sizeof(line) - 1);
	close(ends[0]);
	assert_true(len > 12);
	assert_memory_equal(line, "sallyport: ", 11);
	assert_int_equal(line[len - 1], '\n');
	line[len - 1] = '\0';
	return line + 11;
}

static void text_is_written_as_it_is(void **state)
{
	(void)state;
	assert_string_equal(said("two words,\n\tand more"), "two words,\n\tand more");
	assert_string_equal(said("\xc3\xa9\xe2\x82\xac"), "\xc3\xa9\xe2\x82\xac");
}

static void nothing_plays_with_the_terminal(void **state)
{
	(void)state;
	assert_string_equal(said("\x1b[2J\r\x7f"), "\\x1b[2J\\x0d\\x7f");
	/* One of the controls from U+0080 on, a byte of no character, a mark that turns text round.
	 */
	assert_string_equal(said("\xc2\x9b"
				 "31m\x9b\xe2\x80\xae"),
			    "\\xc2\\x9b"
			    "31m\\x9b\\xe2\\x80\\xae");
}

static void a_long_text_is_cut(void **state)
{
	static char text[20000];

	(void)state;
	memset(text, '\x01', sizeof(text) - 1);
	assert_true(strlen(said(text)) < 4200);
	memset(text, 'x', sizeof(text) - 1);
	assert_true(strlen(said(text)) < 4200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_written_as_it_is),
		cmocka_unit_test(nothing_plays_with_the_terminal),
		cmocka_unit_test(a_long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
