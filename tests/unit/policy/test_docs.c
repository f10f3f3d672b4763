/* The manual and the guide say what the language has, and their examples are policies. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fd.h"
#include "policy/schema.h"
#include "tests/unit/policy/fixture.h"

enum { DOCUMENT_MAX_BYTES = 1 << 20 };

static char *read_document(const char *name)
{
	char path[512], *bytes;
	struct error err;
	size_t len;

	snprintf(path, sizeof(path), "%s/docs/%s", SALLYPORT_SOURCE_DIR, name);
	if (fd_read_file(path, DOCUMENT_MAX_BYTES, &bytes, &len, &err) < 0)
		fail_msg("%s", err.text);
	return bytes;
}

static const struct schema *const schemas[] = {
	&policy_schema, &secret_schema,	 &source_schema, &use_schema,
	&rule_schema,	&network_schema, &proxy_schema,	 &audit_schema,
};

static void assert_names(const char *document, const char *before, const char *word,
			 const char *after)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%s%s", before, word, after);
	if (!strstr(document, text))
		fail_msg("\"%s\" is not in the document", text);
}

static void every_key_and_value_is_told(void **state)
{
	char *guide = read_document("policy.md"), *manual = read_document("man/sallyport-policy.5");

	(void)state;
	for (size_t i = 0; i < ROWS(schemas) * 16; i++) {
		const struct schema *schema = schemas[i / 16];
		const struct schema_row *row = &schema->rows[i % 16];

		assert_true(schema->row_count <= 16);
		if (i % 16 >= schema->row_count)
			continue;
		/* The guide has "when_full" in an example of the mapping. */
		assert_names(guide, strcmp(row->key, "when_full") ? "`" : "`{", row->key, "");
		assert_names(manual, "Ic ", strcmp(row->key, "deny") ? row->key : "allow , deny",
			     "");
		for (size_t j = 0; row->choose && row->choices[j]; j++) {
			assert_names(guide, "", row->choices[j], "`");
			assert_names(manual, "Cm ", row->choices[j], "");
		}
	}
	free(guide);
	free(manual);
}

/* An example stands in the root of the tree, so that it can include the profiles. */
static int read_example(void *context, const char *path, size_t max_bytes, char **bytes,
			size_t *len, struct error *err)
{
	const struct slice *example = context;
	char name[512];

	if (strcmp(path, "example") == 0) {
		*bytes = slice_copy_text(*example);
		*len = example->len;
		return *bytes ? 0 : -ENOMEM;
	}
	snprintf(name, sizeof(name), "%s/%s", SALLYPORT_SOURCE_DIR, path);
	return fd_read_file(name, max_bytes, bytes, len, err);
}

static void assert_is_good(struct slice example)
{
	struct policy_reader reader = {read_example, &example};
	struct diagnostics diagnostics;
	struct policy *policy;

	if (policy_load_from(&reader, "example", &policy, &diagnostics) < 0 || diagnostics.count)
		fail_msg("%.*s: %s", SLICE_ARGS(example), diagnostics.list[0].text);
	policy_free(policy);
	diagnostics_release(&diagnostics);
}

/* Every block that starts as a policy does is one, without a warning. */
static size_t check_examples(const char *name)
{
	static const struct slice start = {"```yaml\n", 8}, end = {"```\n", 4};
	char *document = read_document(name);
	struct slice rest = slice_from_text(document);
	size_t count = 0;

	for (;;) {
		struct slice block;

		rest = slice_from(rest, slice_find(rest, start) + start.len);
		if (rest.len == 0)
			break;
		block = slice_first(rest, slice_find(rest, end));
		assert_true(slice_starts_with(block, SLICE_LITERAL("sallyport: 1\n")));
		assert_is_good(block);
		count++;
	}
	free(document);
	return count;
}

static void every_example_is_a_good_policy(void **state)
{
	(void)state;
	assert_true(check_examples("policy.md") >= 8);
	assert_true(check_examples("slots.md") >= 2);
}

/* The page about slots tells of each of them by the words that it is written with. */
static void every_slot_has_its_part(void **state)
{
	static const char *const slots[] = {
		"### `header NAME`",
		"### `basic user` and `basic password`",
		"### `cookie NAME`",
		"### `query NAME`",
		"### `path`",
		"### `form FIELD`",
		"### `json POINTER`",
		"### `body`",
		"### `ws` and `ws POINTER`",
	};
	char *page = read_document("slots.md");

	(void)state;
	_Static_assert(ROWS(slots) == POLICY_SLOT_COUNT - 1, "Basic has one part");
	for (size_t i = 0; i < ROWS(slots); i++)
		assert_names(page, "\n", slots[i], "\n");
	free(page);
}

static void the_example_of_the_manual_is_one_too(void **state)
{
	char *manual = read_document("man/sallyport-policy.5");
	struct slice text = slice_from_text(strstr(manual, ".Bd -literal\nsallyport: 1") + 13);

	(void)state;
	assert_is_good(slice_first(text, slice_find(text, SLICE_LITERAL(".Ed\n"))));
	free(manual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_and_value_is_told),
		cmocka_unit_test(every_example_is_a_good_policy),
		cmocka_unit_test(every_slot_has_its_part),
		cmocka_unit_test(the_example_of_the_manual_is_one_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
