/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "proxy/engine/connect_head.h"

#define ROWS(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *text;
	int result;
	int status;
	size_t behind; /* bytes that are not the head's */
} answers[] = {
	{"HTTP/1.1 200 Connection established\r\n\r\n", 1, 200, 0},
	{"HTTP/1.0 200\r\n\r\n", 1, 200, 0},
	{"HTTP/1.1 200 \r\nVia: x\r\n\r\nSSH-2.0-x\r\n", 1, 200, 11},
	{"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nno\n", 1, 407,
	 3},
	{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 1, 100, 19},
	{"HTTP/1.1 200 OK\r\nX: y\r\n", 0, 200, 0},
	{"HTTP/1.1 200 OK\n\n", 0, 200, 0},
	{"HTTP/1.", 0, 0, 0},
	{"H", 0, 0, 0},
	{"SSH-2.0-OpenSSH\r\n", ERROR_SYNTAX, 0, 0},
	{"HTTP/2 200 OK\r\n\r\n", ERROR_SYNTAX, 0, 0},
	{"HTTP/1.x 200 OK\r\n\r\n", ERROR_SYNTAX, 0, 0},
	{"HTTP/1.1  200 OK\r\n\r\n", ERROR_SYNTAX, 0, 0},
	{"HTTP/1.1\t200 OK\r\n\r\n", ERROR_SYNTAX, 0, 0},
	{"HTTP/1.1 2x0 OK\r\n\r\n", ERROR_SYNTAX, 0, 0},
	{"HTTP/1.1 2000 OK\r\n\r\n", ERROR_SYNTAX, 0, 0},
	{"HTTP/1.1 099 OK\r\n\r\n", ERROR_SYNTAX, 0, 0},
	{"HTTP/1.1 600 OK\r\n\r\n", ERROR_SYNTAX, 0, 0},
	{"HTTP/1.1\r\n\r\n", ERROR_SYNTAX, 0, 0},
	{"http/1.1 200 OK\r\n\r\n", ERROR_SYNTAX, 0, 0},
	{"\r\nHTTP/1.1 200 OK\r\n\r\n", ERROR_SYNTAX, 0, 0},
};

/* In memory of its exact size, so that reading on is noticed. */
static int read_first(const char *text, size_t len, struct connect_head *head)
{
	char *copy = malloc(len ? len : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, text, len);
	rc = connect_head_read(slice_of(copy, len), head);
	free(copy);
	return rc;
}

static void answers_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(answers); i++) {
		struct connect_head head = {0};
		size_t len = strlen(answers[i].text);

		assert_int_equal(read_first(answers[i].text, len, &head), answers[i].result);
		if (answers[i].result >= 0)
			assert_int_equal(head.status, answers[i].status);
		if (answers[i].result == 1)
			assert_int_equal(len - head.length, answers[i].behind);
	}
}

static void a_head_may_come_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(answers); i++) {
		size_t end = strlen(answers[i].text) - answers[i].behind;
		struct connect_head head = {0};

		for (size_t len = 1; answers[i].result == 1 && len < end; len++)
			assert_int_equal(read_first(answers[i].text, len, &head), 0);
	}
}

static void a_head_has_a_bound(void **state)
{
	static char text[CONNECT_HEAD_MAX_BYTES + 1];
	struct connect_head head;
	int start;

	(void)state;
	memset(text, 'x', sizeof(text));
	start = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nX: ");
	text[start] = 'x';
	assert_int_equal(connect_head_read(slice_of(text, sizeof(text) - 2), &head), 0);
	assert_int_equal(connect_head_read(slice_of(text, sizeof(text) - 1), &head), ERROR_LIMIT);
	memcpy(text + sizeof(text) - 5, "\r\n\r\n", 4);
	assert_int_equal(connect_head_read(slice_of(text, sizeof(text) - 1), &head), 1);
	assert_int_equal(head.length, CONNECT_HEAD_MAX_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(a_head_may_come_in_pieces),
		cmocka_unit_test(a_head_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
