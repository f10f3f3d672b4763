/* A list of paths, each in it once. */
#ifndef PROXY_STEER_PATH_LIST_H
#define PROXY_STEER_PATH_LIST_H

#include <stddef.h>

#include "base/slice.h"

enum { PATH_LIST_MAX = 4096 };

struct path_list {
	char **paths;
	size_t count;
	size_t capacity;
};

/* Adds a copy of PATH, unless it is there already. 0, -ENOMEM, or ERROR_LIMIT past PATH_LIST_MAX.
 * A path holds no NUL. */
int path_list_add(struct path_list *list, struct slice path);

bool path_list_has(const struct path_list *list, struct slice path);

void path_list_free(struct path_list *list);

#endif
