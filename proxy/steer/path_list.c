#include "proxy/steer/path_list.h"

#include <stdlib.h>

#include "base/error.h"

enum { FIRST_CAPACITY = 16 };

bool path_list_has(const struct path_list *list, struct slice path)
{
	for (size_t i = 0; i < list->count; i++) {
		if (slice_equal(slice_from_text(list->paths[i]), path))
			return true;
	}
	return false;
}

static int make_room(struct path_list *list)
{
	size_t capacity = list->capacity ? list->capacity * 2 : FIRST_CAPACITY;
	char **larger;

	if (list->count < list->capacity)
		return 0;
	if (list->count >= PATH_LIST_MAX)
		return ERROR_LIMIT;
	larger = realloc(list->paths, capacity * sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	list->paths = larger;
	list->capacity = capacity;
	return 0;
}

int path_list_add(struct path_list *list, struct slice path)
{
	char *copy;
	int rc;

	if (path_list_has(list, path))
		return 0;
	rc = make_room(list);
	if (rc < 0)
		return rc;
	copy = slice_copy_text(path);
	if (!copy)
		return -ENOMEM;
	list->paths[list->count++] = copy;
	return 0;
}

void path_list_free(struct path_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->paths[i]);
	free(list->paths);
	*list = (struct path_list){0};
}
