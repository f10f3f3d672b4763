#include "proxy/secret/find_table.h"

#include <stdlib.h>

enum { ALIGNMENT = 16 };

static size_t round_up(size_t size)
{
	return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int take_memory(struct find_memory *memory, size_t size, bool secret, struct error *err)
{
	int rc;

	*memory = (struct find_memory){0};
	if (secret) {
		rc = locked_init(&memory->locked, size, err);
		memory->bytes = memory->locked.bytes;
		return rc;
	}
	memory->bytes = calloc(1, size);
	if (!memory->bytes)
		return error_set_code(err, -ENOMEM, "cannot prepare the search for secrets");
	return 0;
}

static void give_back(struct find_memory memory)
{
	if (memory.locked.mapping)
		locked_free(&memory.locked);
	else
		free(memory.bytes);
}

static int check(const struct slice values[], size_t count, size_t *total, struct error *err)
{
	if (count > FIND_VALUES_MAX)
		return error_set(err, ERROR_LIMIT, "there are %zu secrets; at most %d are possible",
				 count, FIND_VALUES_MAX);
	for (size_t i = 0; i < count; i++) {
		if (values[i].len < FIND_VALUE_MIN_BYTES || values[i].len > FIND_VALUE_MAX_BYTES)
			return error_set(err, ERROR_LIMIT,
					 "a value has %zu bytes; to be looked for, it needs %d to "
					 "%d",
					 values[i].len, FIND_VALUE_MIN_BYTES, FIND_VALUE_MAX_BYTES);
		*total += values[i].len;
	}
	return 0;
}

/* The forms, and their texts behind them. */
static int make_forms(const struct slice values[], size_t count, unsigned int kinds, bool secret,
		      struct finder *finder, struct error *err)
{
	size_t list = round_up(count * FORMS_OF_ONE_MAX * sizeof(struct form));
	size_t total = 0, used;
	struct form *forms;
	char *next;
	int rc = check(values, count, &total, err);

	if (rc == 0)
		rc = take_memory(&finder->texts, list + total * FORMS_BYTES_FACTOR + 1, secret,
				 err);
	if (rc < 0)
		return rc;
	forms = (struct form *)(void *)finder->texts.bytes;
	next = finder->texts.bytes + list;
	for (size_t i = 0; i < count; i++) {
		finder->count += forms_make(values[i], (uint16_t)i, kinds, next, &used,
					    forms + finder->count);
		next += used;
	}
	for (size_t i = 0; i < finder->count; i++) {
		if (forms[i].text.len > finder->longest)
			finder->longest = forms[i].text.len;
	}
	finder->forms = forms;
	return 0;
}

/* The finder moves to the front of its tables. */
static int make_tables(struct finder *made, bool secret, struct finder **finder, struct error *err)
{
	struct slice *heads = calloc(made->count + 1, sizeof(*heads));
	size_t scanner_size, index_size;
	char *next;
	int rc;

	if (!heads)
		return error_set_code(err, -ENOMEM, "cannot prepare the search for secrets");
	for (size_t i = 0; i < made->count; i++)
		heads[i] = slice_first(made->forms[i].text, FIND_HEAD_BYTES);
	scanner_size = round_up(scanner_bytes(heads, made->count));
	index_size = find_index_bytes(made->forms, made->count, FIND_HEAD_BYTES);
	rc = take_memory(&made->tables, round_up(sizeof(*made)) + scanner_size + index_size, secret,
			 err);
	if (rc == 0) {
		next = made->tables.bytes + round_up(sizeof(*made));
		made->scanner = scanner_build(next, heads, made->count);
		*finder = (struct finder *)(void *)made->tables.bytes;
		**finder = *made;
		find_index_build(&(*finder)->index, next + scanner_size, made->forms, made->count,
				 FIND_HEAD_BYTES);
	}
	free(heads);
	return rc;
}

int finder_create(const struct slice values[], size_t count, unsigned int kinds, bool secret,
		  struct finder **finder, struct error *err)
{
	struct finder made = {0};
	int rc = make_forms(values, count, kinds, secret, &made, err);

	if (rc == 0)
		rc = make_tables(&made, secret, finder, err);
	if (rc < 0)
		give_back(made.texts);
	return rc;
}

void finder_free(struct finder *finder)
{
	struct find_memory texts, tables;

	if (!finder)
		return;
	texts = finder->texts;
	tables = finder->tables;
	give_back(texts);
	give_back(tables);
}

size_t finder_count(const struct finder *finder)
{
	return finder->count;
}

const struct form *finder_form(const struct finder *finder, size_t index)
{
	return &finder->forms[index];
}
