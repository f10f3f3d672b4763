/* Threat P11. */
#include "policy/path.h"

#include "base/arena.h"
#include "base/error.h"
#include "tests/unit/allocation.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static int canonicalise(struct slice raw, struct arena *arena, struct path *path, const char **why)
{
	arena_reset(arena);
	return path_canonicalise(raw, arena, path, why);
}

static void paths_get_their_canonical_form(void **state)
{
	static const struct {
		const char *raw, *canonical;
	} rows[] = {
		{"/", "/"},
		{"/v1/chat", "/v1/chat"},
		{"/v1/chat/", "/v1/chat/"},
		{"/%76%31/%7euser", "/v1/~user"},
		{"/a%3a%c3%a9", "/a%3A%C3%A9"},
		{"/!$&'()*+,=:@-._~", "/!$&'()*+,=:@-._~"},
		{"/a%2Ab", "/a%2Ab"},
		{"/100%25", "/100%25"},
		{"/100%25zz", "/100%25zz"},
		{"/%25%7a", "/%25z"},
		{"/a/./b", "/a/b"},
		{"/a/../b", "/b"},
		{"/a/b/..", "/a/"},
		{"/a/b/.", "/a/b/"},
		{"/..", "/"},
		{"/../../etc/passwd", "/etc/passwd"},
		{"/a/%2e%2E/b", "/b"},
		{"/a/.%2e", "/"},
		{"/a//../b", "/a/b"},
		{"/.//b", "//b"},
		{"/...", "/..."},
		{"/.well-known/x", "/.well-known/x"},
		{"/a..b/..c/d..", "/a..b/..c/d.."},
		{"/a//b", "/a//b"},
		{"/a%2fb", "/a%2Fb"},
		{"/a;x=1/b", "/a;x=1/b"},
		{"/%F0%9F%9A%AA", "/%F0%9F%9A%AA"},
		{"/%EF%BF%BD%C2%80", "/%EF%BF%BD%C2%80"},
		{"/a%20b%3F%23%22", "/a%20b%3F%23%22"},
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct slice expected = slice_from_text(rows[i].canonical);
		struct path path;
		const char *why;

		assert_int_equal(canonicalise(slice_from_text(rows[i].raw), &arena, &path, &why),
				 0);
		assert_null(why);
		assert_int_equal(path.text.len, expected.len);
		assert_memory_equal(path.text.ptr, expected.ptr, expected.len);
		assert_true(slice_equal(path.readings[0], path.text));
	}
	arena_free(&arena);
}

static void what_is_in_doubt_is_refused(void **state)
{
	static const struct {
		struct slice raw;
		const char *why;
	} rows[] = {
		{SLICE_LITERAL(""), "start"},
		{SLICE_LITERAL("a"), "start"},
		{SLICE_LITERAL("*"), "start"},
		{SLICE_LITERAL("http://a/"), "start"},
		{SLICE_LITERAL("/a b"), "must be percent-encoded"},
		{SLICE_LITERAL("/a\0b"), "must be percent-encoded"},
		{SLICE_LITERAL("/a\tb"), "must be percent-encoded"},
		{SLICE_LITERAL("/a\\..\\b"), "must be percent-encoded"},
		{SLICE_LITERAL("/a?b"), "must be percent-encoded"},
		{SLICE_LITERAL("/a#b"), "must be percent-encoded"},
		{SLICE_LITERAL("/a\"b"), "must be percent-encoded"},
		{SLICE_LITERAL("/<>"), "must be percent-encoded"},
		{SLICE_LITERAL("/[x]"), "must be percent-encoded"},
		{SLICE_LITERAL("/{x}|^`"), "must be percent-encoded"},
		{SLICE_LITERAL("/\xc3\xa9"), "must be percent-encoded"},
		{SLICE_LITERAL("/\x7f"), "must be percent-encoded"},
		{SLICE_LITERAL("/%"), "incomplete"},
		{SLICE_LITERAL("/%4"), "incomplete"},
		{SLICE_LITERAL("/%4g"), "incomplete"},
		{SLICE_LITERAL("/%u002f"), "incomplete"},
		{SLICE_LITERAL("/%00"), "control"},
		{SLICE_LITERAL("/%0d%0a"), "control"},
		{SLICE_LITERAL("/%1f"), "control"},
		{SLICE_LITERAL("/%7f"), "control"},
		{SLICE_LITERAL("/..%5cb"), "backslash"},
		{SLICE_LITERAL("/%5C"), "backslash"},
		{SLICE_LITERAL("/%252e%252e/"), "twice"},
		{SLICE_LITERAL("/%252F"), "twice"},
		{SLICE_LITERAL("/%25%32%46"), "twice"},
		{SLICE_LITERAL("/%2525"), "twice"},
		{SLICE_LITERAL("/%c0%af"), "not UTF-8"},
		{SLICE_LITERAL("/%c0%ae%c0%ae/"), "not UTF-8"},
		{SLICE_LITERAL("/%e0%80%af"), "not UTF-8"},
		{SLICE_LITERAL("/%f0%80%80%af"), "not UTF-8"},
		{SLICE_LITERAL("/%e9"), "not UTF-8"},
		{SLICE_LITERAL("/%e2%82/x"), "not UTF-8"},
		{SLICE_LITERAL("/%e2%82x"), "not UTF-8"},
		{SLICE_LITERAL("/%c3%a9%a9"), "not UTF-8"},
		{SLICE_LITERAL("/%ed%a0%80"), "not UTF-8"},
		{SLICE_LITERAL("/a/..%2Fb"), "dot segment behind"},
		{SLICE_LITERAL("/a/%2e%2e%2fb"), "dot segment behind"},
		{SLICE_LITERAL("/a%2F.."), "dot segment behind"},
		{SLICE_LITERAL("/a%2f.%2Fb"), "dot segment behind"},
		{SLICE_LITERAL("/a/..;/b"), "dot segment behind"},
		{SLICE_LITERAL("/a/..;x=1/b"), "dot segment behind"},
		{SLICE_LITERAL("/a/..%3Bx/b"), "dot segment behind"},
		{SLICE_LITERAL("/.;"), "dot segment behind"},
		{SLICE_LITERAL("/a%2F..;x"), "dot segment behind"},
		{SLICE_LITERAL("/a;x%2Fy/b"), "slash inside a parameter"},
		{SLICE_LITERAL("/a;x%2F..%2Fb"), "slash inside a parameter"},
		{SLICE_LITERAL("/a%3b%2Fb"), "slash inside a parameter"},
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct path path;
		const char *why;

		assert_int_equal(canonicalise(rows[i].raw, &arena, &path, &why), ERROR_SYNTAX);
		assert_non_null(strstr(why, rows[i].why));
	}
	arena_free(&arena);
}

static void servers_may_read_a_path_in_several_ways(void **state)
{
	static const struct {
		const char *raw;
		const char *readings[PATH_READINGS_MAX];
	} rows[] = {
		{"/a/b", {"/a/b"}},
		{"/a%3Ab", {"/a%3Ab"}},
		{"/a%2Fb", {"/a%2Fb", "/a/b"}},
		{"/a;x/b", {"/a;x/b", "/a/b"}},
		{"/admin%3Bx", {"/admin%3Bx", "/admin"}},
		{"//b", {"//b", "/b"}},
		{"/a//", {"/a//", "/a/"}},
		{"/;x/b", {"/;x/b", "//b", "/b"}},
		{"/a%2F/b", {"/a%2F/b", "/a//b", "/a/b"}},
		{"/a%2Fb;x", {"/a%2Fb;x", "/a/b;x", "/a%2Fb", "/a/b"}},
		{"/p//q%2F%2Fr;s",
		 {"/p//q%2F%2Fr;s", "/p//q//r;s", "/p//q%2F%2Fr", "/p//q//r", "/p/q%2F%2Fr;s",
		  "/p/q/r;s", "/p/q%2F%2Fr", "/p/q/r"}},
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct path path;
		const char *why;
		size_t expected = 0;

		assert_int_equal(canonicalise(slice_from_text(rows[i].raw), &arena, &path, &why),
				 0);
		while (expected < PATH_READINGS_MAX && rows[i].readings[expected])
			expected++;
		assert_int_equal(path.reading_count, expected);
		for (size_t j = 0; j < expected; j++)
			assert_true(slice_equal(path.readings[j],
						slice_from_text(rows[i].readings[j])));
	}
	arena_free(&arena);
}

static void a_path_has_its_limit(void **state)
{
	static char text[PATH_MAX_BYTES + 1];
	struct arena arena;
	struct path path;
	const char *why;

	(void)state;
	memset(text, '/', sizeof(text));
	arena_init(&arena, 1 << 20);
	assert_int_equal(canonicalise(slice_of(text, PATH_MAX_BYTES), &arena, &path, &why), 0);
	assert_int_equal(path.reading_count, 2);
	assert_int_equal(canonicalise(slice_of(text, sizeof(text)), &arena, &path, &why),
			 ERROR_LIMIT);
	assert_non_null(why);
	arena_free(&arena);
}

static int try_path(void *context)
{
	struct arena arena;
	struct path path;
	const char *why;
	int rc;

	(void)context;
	arena_init(&arena, 1 << 20);
	rc = path_canonicalise(SLICE_LITERAL("/a%2Fb;x//c"), &arena, &path, &why);
	arena_free(&arena);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	struct arena arena;
	struct path path;
	const char *why;

	(void)state;
	allocation_try_all(try_path, NULL, false);
	arena_init(&arena, 20);
	assert_int_equal(path_canonicalise(SLICE_LITERAL("/a%2Fb;x//c"), &arena, &path, &why),
			 -ENOMEM);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_get_their_canonical_form),
		cmocka_unit_test(what_is_in_doubt_is_refused),
		cmocka_unit_test(servers_may_read_a_path_in_several_ways),
		cmocka_unit_test(a_path_has_its_limit),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
