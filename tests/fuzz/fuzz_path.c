/* Paths: the canonical form is its own, and no reading of it has a dot segment. A NUL byte ends the
 * path; a glob may follow it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "policy/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reading(struct slice reading)
{
	struct slice rest = reading, segment;

	assert(reading.len > 0 && reading.ptr[0] == '/');
	while (slice_next_part(&rest, '/', &segment)) {
		assert(!slice_equal(segment, SLICE_LITERAL(".")));
		assert(!slice_equal(segment, SLICE_LITERAL("..")));
	}
	for (size_t i = 0; i < reading.len; i++)
		assert(reading.ptr[i] > ' ' && reading.ptr[i] < 0x7f && reading.ptr[i] != '\\');
}

static void check_readings(const struct path *path)
{
	assert(path->reading_count >= 1 && path->reading_count <= PATH_READINGS_MAX);
	assert(slice_equal(path->readings[0], path->text));
	for (size_t i = 0; i < path->reading_count; i++) {
		check_reading(path->readings[i]);
		for (size_t j = 0; j < i; j++)
			assert(!slice_equal(path->readings[i], path->readings[j]));
	}
}

static void check_canonical(struct slice text)
{
	char again[PATH_MAX_BYTES];
	const char *why;
	size_t len;

	assert(path_make_canonical(text, again, &len, &why) == 0);
	assert(slice_equal(text, slice_of(again, len)));
}

/* A text without stars is a glob that matches itself alone. */
static void check_glob(const struct path *path, struct slice text)
{
	struct path_glob glob, literal;
	const char *why;
	bool matches;

	if (path_glob_parse(text, &glob, &why) < 0) {
		assert(why);
		return;
	}
	assert(path_glob_covers(&glob, &glob) && path_glob_overlaps(&glob, &glob));
	matches = path_glob_match(&glob, path->text);
	if (slice_find_char(path->text, '*') < path->text.len ||
	    path_glob_parse(path->text, &literal, &why) < 0)
		return;
	assert(path_glob_match(&literal, path->text));
	assert(path_glob_covers(&glob, &literal) == matches);
	assert(path_glob_overlaps(&glob, &literal) == matches);
	assert(path_glob_overlaps(&literal, &glob) == matches);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	size_t end = slice_find_char(input, '\0');
	struct arena arena;
	struct path path;
	const char *why;
	int rc;

	arena_init(&arena, (size_t)PATH_MAX_BYTES * 16);
	rc = path_canonicalise(slice_first(input, end), &arena, &path, &why);
	assert((rc == 0) == (why == NULL));
	if (rc == 0) {
		check_canonical(path.text);
		check_readings(&path);
		check_glob(&path, slice_from(input, end + 1));
	}
	arena_free(&arena);
	return 0;
}
