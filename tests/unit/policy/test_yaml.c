/* Threats H3, C10: what YAML could be made to mean besides what is written. */
#include "policy/yaml.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "policy/policy.h"
#include "policy/source.h"
#include "tests/unit/allocation.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct reading {
	struct arena arena;
	struct diagnostics diagnostics;
	const struct yaml_node *root;
	int rc;
};

static void start(struct reading *reading, struct slice source)
{
	size_t nodes = 0;

	arena_init(&reading->arena, 256 << 20);
	diagnostics_init(&reading->diagnostics, "p", source);
	reading->root = NULL;
	reading->rc = source_check(source, &reading->diagnostics);
	if (reading->rc == 0)
		reading->rc = yaml_read(source, &reading->arena, &reading->diagnostics, &nodes,
					&reading->root);
}

static void end(struct reading *reading)
{
	arena_free(&reading->arena);
}

static void assert_text(const struct yaml_node *node, const char *expected)
{
	assert_int_equal(node->kind, YAML_KIND_TEXT);
	assert_int_equal(node->text.len, strlen(expected));
	assert_string_equal(node->text.ptr, expected);
}

static void scalars_are_text_quoted_or_not(void **state)
{
	static const char source[] =
		"[no, 1e3, 0x10, 1_000, 12:30, true, .inf, 2001-01-01, \"no\", "
		"'null', \"~\", \"\\x41\", 'it''s', =, y]";
	static const char *const expected[] = {"no",   "1e3",  "0x10",	     "1_000", "12:30",
					       "true", ".inf", "2001-01-01", "no",    "null",
					       "~",    "A",    "it's",	     "=",     "y"};
	const struct yaml_node *node;
	struct reading reading;
	size_t i = 0;

	(void)state;
	start(&reading, slice_from_text(source));
	assert_int_equal(reading.rc, 0);
	assert_int_equal(reading.diagnostics.count, 0);
	assert_int_equal(reading.root->kind, YAML_KIND_LIST);
	assert_int_equal(reading.root->count, ROWS(expected));
	for (node = reading.root->first; node; node = node->next)
		assert_text(node, expected[i++]);
	assert_int_equal(i, ROWS(expected));
	end(&reading);
}

static void nodes_know_their_places(void **state)
{
	const struct yaml_node *key, *value;
	struct diagnostic_place place;
	struct reading reading;

	(void)state;
	start(&reading, SLICE_LITERAL("a: b\n\xc3\xa9\xc3\xa9: \"x\xc3\xa9yz\"\nc: 'it''s'\n"));
	assert_int_equal(reading.rc, 0);
	key = reading.root->first->next;
	assert_int_equal(key->place.line, 2);
	assert_int_equal(key->place.column, 1);
	assert_int_equal(key->place.width, 2);
	value = key->value;
	assert_int_equal(value->place.column, 5);
	assert_int_equal(value->place.width, 6);
	place = yaml_place_within(value, 3, 1);
	assert_int_equal(place.column, 8);
	assert_int_equal(place.width, 1);
	/* With an escape in it, nobody knows: the whole text is marked. */
	value = key->next->value;
	assert_false(value->verbatim);
	place = yaml_place_within(value, 3, 1);
	assert_int_equal(place.column, value->place.column);
	assert_int_equal(place.width, 7);
	end(&reading);
}

static void all_else_is_refused_at_its_place(void **state)
{
	static const struct {
		struct slice source;
		uint32_t line, column;
		const char *part;
	} rows[] = {
		{SLICE_LITERAL(""), 1, 1, "no content"},
		{SLICE_LITERAL("# only a comment\n"), 1, 1, "no content"},
		{SLICE_LITERAL("a: &x b"), 1, 4, "anchors"},
		{SLICE_LITERAL("a: &x [b]"), 1, 4, "anchors"},
		{SLICE_LITERAL("a: &x {b: c}"), 1, 4, "anchors"},
		{SLICE_LITERAL("a: *x"), 1, 4, "aliases"},
		{SLICE_LITERAL("[*x]"), 1, 2, "aliases"},
		{SLICE_LITERAL("a: *.x"), 1, 4, "starts with \"*\""},
		{SLICE_LITERAL("a: !!int 1"), 1, 4, "tags"},
		{SLICE_LITERAL("a: !x [1]"), 1, 4, "tags"},
		{SLICE_LITERAL("a: !x {b: c}"), 1, 4, "tags"},
		{SLICE_LITERAL("a: ! b"), 1, 4, "tags"},
		{SLICE_LITERAL("<<: {a: b}"), 1, 1, "merge keys"},
		{SLICE_LITERAL("a: {\"<<\": b}"), 1, 5, "merge keys"},
		{SLICE_LITERAL("%YAML 1.1\n---\na: b\n"), 1, 1, "directives"},
		{SLICE_LITERAL("%TAG ! tag:x,2000:\n---\na: b\n"), 1, 1, "directives"},
		{SLICE_LITERAL("a: b\n---\nc: d\n"), 2, 1, "second YAML document"},
		{SLICE_LITERAL("a: b\n...\n---\nc: d\n"), 3, 1, "second YAML document"},
		{SLICE_LITERAL("a: b\nc: d\na: e\n"), 3, 1, "given twice; the first is on line 1"},
		{SLICE_LITERAL("{a: b, 'a': c}"), 1, 8, "given twice"},
		{SLICE_LITERAL("[a]: b"), 1, 1, "a key must be text"},
		{SLICE_LITERAL("{a: b}: c"), 1, 1, "a key must be text"},
		{SLICE_LITERAL("a:\n"), 1, 1, "\"a\" has no value"},
		{SLICE_LITERAL("a: ~"), 1, 1, "\"a\" has no value"},
		{SLICE_LITERAL("a: null"), 1, 1, "\"a\" has no value"},
		{SLICE_LITERAL("a: Null"), 1, 1, "\"a\" has no value"},
		{SLICE_LITERAL("a: NULL"), 1, 1, "\"a\" has no value"},
		{SLICE_LITERAL("a: ''"), 1, 1, "\"a\" has no value"},
		{SLICE_LITERAL("a: \"  \""), 1, 1, "\"a\" has no value"},
		{SLICE_LITERAL("a: |\n"), 1, 1, "\"a\" has no value"},
		{SLICE_LITERAL("- a\n-\n- b\n"), 2, 2, "blank"},
		{SLICE_LITERAL("[a, '', b]"), 1, 5, "blank"},
		{SLICE_LITERAL("[a, ~]"), 1, 5, "blank"},
		{SLICE_LITERAL("? \n: x"), 1, 2, "blank"},
		{SLICE_LITERAL("a: \"b\\nc\""), 1, 4, "line break"},
		{SLICE_LITERAL("a: |\n  b\n"), 1, 4, "line break"},
		{SLICE_LITERAL("a: >\n  b\n"), 1, 4, "line break"},
		{SLICE_LITERAL("a: \"b\\0c\""), 1, 4, "control or invisible"},
		{SLICE_LITERAL("a: \"b\\ec\""), 1, 4, "control or invisible"},
		{SLICE_LITERAL("a: \"b\\tc\""), 1, 4, "control or invisible"},
		{SLICE_LITERAL("a: \"b\\Nc\""), 1, 4, "control or invisible"},
		{SLICE_LITERAL("a: \"b\\Lc\""), 1, 4, "control or invisible"},
		{SLICE_LITERAL("a: \"b\\u202ec\""), 1, 4, "control or invisible"},
		{SLICE_LITERAL("a: b\n\tc: d"), 2, 1, "a tab cannot indent"},
		{SLICE_LITERAL("a:\n\tb: c"), 2, 1, "no text can start with this character"},
		{SLICE_LITERAL("a: @b"), 1, 4, "no text can start with this character"},
		{SLICE_LITERAL("a: b: c"), 1, 5, "there cannot be a key here"},
		{SLICE_LITERAL("a: \"b"), 1, 4, "not closed"},
		{SLICE_LITERAL("a: [b, c"), 1, 4, "not closed"},
		{SLICE_LITERAL("a: {b: c"), 1, 4, "not closed"},
		{SLICE_LITERAL("a: [b,, c]"), 1, 7, "missing here"},
		/* Before it is YAML. */
		{SLICE_LITERAL("\xef\xbb\xbf"
			       "a: b"),
		 1, 1, "byte order mark"},
		{SLICE_LITERAL("\xff\xfe"
			       "a\0"),
		 1, 1, "UTF-16"},
		{SLICE_LITERAL("\0a\0:"), 1, 1, "UTF-16"},
		{SLICE_LITERAL("a: b\0c"), 1, 5, "U+0000"},
		{SLICE_LITERAL("a: b\n# \x1b[2J"), 2, 3, "U+001B"},
		{SLICE_LITERAL("a: b\rc: d"), 1, 5, "U+000D"},
		{SLICE_LITERAL("a: b\r\nc: d\r"), 2, 5, "U+000D"},
		{SLICE_LITERAL("a: \xc2\x85"), 1, 4, "U+0085"},
		{SLICE_LITERAL("a: \xe2\x80\xa8"), 1, 4, "U+2028"},
		{SLICE_LITERAL("# \xe2\x80\xae"), 1, 3, "U+202E"},
		{SLICE_LITERAL("# \xe2\x81\xa6"), 1, 3, "U+2066"},
		{SLICE_LITERAL("a: \xef\xbb\xbf"), 1, 4, "U+FEFF"},
		{SLICE_LITERAL("a: \xf3\xa0\x81\xa1"), 1, 4, "U+E0061"},
		{SLICE_LITERAL("a: \xc0\xaf"), 1, 4, "0xC0"},
		{SLICE_LITERAL("a: \xe9"), 1, 4, "0xE9"},
		{SLICE_LITERAL("a: \xed\xa0\x80"), 1, 4, "0xED"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct diagnostic *first;
		struct reading reading;

		start(&reading, rows[i].source);
		first = &reading.diagnostics.list[0];
		if (reading.diagnostics.errors == 0 || !strstr(first->text, rows[i].part) ||
		    first->line != rows[i].line || first->column != rows[i].column)
			print_error("%.*s: %u:%u: %s\n", SLICE_ARGS(rows[i].source), first->line,
				    first->column, first->text);
		assert_int_equal(reading.diagnostics.errors, 1);
		assert_non_null(strstr(first->text, rows[i].part));
		assert_int_equal(first->line, rows[i].line);
		assert_int_equal(first->column, rows[i].column);
		end(&reading);
	}
}

static void reading_goes_on_after_a_fault(void **state)
{
	struct reading reading;

	(void)state;
	start(&reading, SLICE_LITERAL("a: &x b\nc: *x\nd:\ne: !y z\na: 1\nf: good\n"));
	assert_int_equal(reading.rc, 0);
	assert_int_equal(reading.diagnostics.errors, 5);
	assert_int_equal(reading.root->count, 5);
	assert_int_equal(reading.root->first->value->kind, YAML_KIND_FAULTY);
	end(&reading);
}

static void depth_is_bounded(void **state)
{
	char deep[2 * POLICY_DEPTH_MAX + 3];
	struct reading reading;

	(void)state;
	memset(deep, '[', POLICY_DEPTH_MAX);
	deep[POLICY_DEPTH_MAX] = 'x';
	memset(deep + POLICY_DEPTH_MAX + 1, ']', POLICY_DEPTH_MAX);
	start(&reading, slice_of(deep, 2 * POLICY_DEPTH_MAX + 1));
	assert_int_equal(reading.rc, 0);
	end(&reading);
	memset(deep, '[', sizeof(deep));
	start(&reading, slice_of(deep, sizeof(deep)));
	assert_int_equal(reading.rc, ERROR_LIMIT);
	assert_non_null(strstr(reading.diagnostics.list[0].text, "nested too deeply"));
	end(&reading);
}

static void the_number_of_nodes_is_bounded(void **state)
{
	size_t size = 2 * (size_t)POLICY_NODES_MAX + 2;
	char *source = malloc(size);
	struct reading reading;

	(void)state;
	source[0] = '[';
	for (size_t i = 1; i < size; i++)
		source[i] = i % 2 ? 'x' : ',';
	source[size - 1] = ']';
	start(&reading, slice_of(source, size));
	assert_int_equal(reading.rc, ERROR_LIMIT);
	assert_non_null(strstr(reading.diagnostics.list[0].text, "too many entries"));
	end(&reading);
	free(source);
}

static int try_read(void *context)
{
	struct reading reading;

	(void)context;
	start(&reading, SLICE_LITERAL("{a: [b, c], d: {e: f, g: h}, i: j, k: l}"));
	end(&reading);
	return reading.rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(try_read, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_are_text_quoted_or_not),
		cmocka_unit_test(nodes_know_their_places),
		cmocka_unit_test(all_else_is_refused_at_its_place),
		cmocka_unit_test(reading_goes_on_after_a_fault),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(the_number_of_nodes_is_bounded),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
