/* The JSON Schema says what the rows say, and the file in the tree is what is printed. */
#include "policy/schema_json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fd.h"
#include "policy/schema.h"
#include "tests/unit/policy/fixture.h"

enum { SCHEMA_MAX_BYTES = 1 << 20 };

static json_t *parse(void)
{
	char *text = schema_make_json();
	json_error_t error;
	json_t *root;

	assert_non_null(text);
	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		fail_msg("line %d: %s", error.line, error.text);
	free(text);
	return root;
}

static void the_file_is_what_is_printed(void **state)
{
	char *text = schema_make_json(), *bytes;
	struct error err;
	size_t len;

	(void)state;
	assert_non_null(text);
	if (fd_read_file(SALLYPORT_SOURCE_DIR "/policies/schema.json", SCHEMA_MAX_BYTES, &bytes,
			 &len, &err) < 0)
		fail_msg("%s", err.text);
	if (!slice_equal(slice_of(bytes, len), slice_from_text(text)))
		fail_msg("policies/schema.json is not what the rows say; make it anew: sallyport "
			 "policy schema > policies/schema.json");
	free(bytes);
	free(text);
}

/* The mapping that JSON, one of the shapes of a value, tells of; NULL if there is none. */
static const json_t *find_object(const json_t *json)
{
	const json_t *any = json_object_get(json, "anyOf");
	size_t i;
	json_t *one;

	if (json_object_get(json, "properties"))
		return json;
	if (json_object_get(json, "items"))
		return find_object(json_object_get(json, "items"));
	if (json_is_object(json_object_get(json, "additionalProperties")))
		return find_object(json_object_get(json, "additionalProperties"));
	json_array_foreach((json_t *)(uintptr_t)any, i, one)
	{
		if (find_object(one))
			return find_object(one);
	}
	return NULL;
}

static size_t compare(const struct schema *schema, const json_t *object);

static size_t compare_row(const struct schema_row *row, const json_t *properties)
{
	const json_t *property = json_object_get(properties, row->key);

	if (row->shapes == SCHEMA_LATER) {
		assert_null(property);
		return 0;
	}
	assert_non_null(property);
	assert_string_equal(json_string_value(json_object_get(property, "description")), row->help);
	/* Whatever is a mapping or list says what it holds. */
	if (row->shapes & (SCHEMA_LIST | SCHEMA_MAPPING))
		assert_true(row->of || row->values);
	return 1 + (row->of ? compare(row->of, find_object(property)) : 0);
}

static size_t compare(const struct schema *schema, const json_t *object)
{
	const json_t *properties = json_object_get(object, "properties");
	size_t count = 0;

	assert_non_null(object);
	assert_true(json_is_false(json_object_get(object, "additionalProperties")));
	for (size_t i = 0; i < schema->row_count; i++)
		count += compare_row(&schema->rows[i], properties);
	return count;
}

static void every_row_is_in_it(void **state)
{
	static const struct schema *const schemas[] = {
		&policy_schema, &secret_schema,	 &source_schema, &use_schema,
		&rule_schema,	&network_schema, &proxy_schema,	 &audit_schema,
	};
	json_t *root = parse();
	size_t rows = 0;

	(void)state;
	for (size_t i = 0; i < ROWS(schemas); i++) {
		for (size_t j = 0; j < schemas[i]->row_count; j++)
			rows += schemas[i]->rows[j].shapes != SCHEMA_LATER;
	}
	assert_int_equal(compare(&policy_schema, root), rows);
	json_decref(root);
}

static int make(void *context)
{
	char *text = schema_make_json();

	(void)context;
	free(text);
	return text ? 0 : -1;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(make, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_is_what_is_printed),
		cmocka_unit_test(every_row_is_in_it),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
