#include <stdlib.h>

#include "proxy/engine/limits.h"
#include "proxy/engine/origin_leg.h"
#include "proxy/engine/sandbox.h"

void origin_pool_init(struct origin_pool *pool)
{
	*pool = (struct origin_pool){0};
	map_init(&pool->authorities);
	list_init(&pool->idle);
	list_init(&pool->all);
}

void origin_pool_free(struct origin_pool *pool)
{
	list_for_each_safe(node, &pool->all)
		origin_close(container_of(node, struct origin, node));
	map_free(&pool->authorities);
}

/* Scheme, host and port: a connection is never used for another identity than it was verified for.
 */
static struct slice make_key(enum policy_scheme scheme, const struct host *host, uint16_t port,
			     char key[HOST_AUTHORITY_MAX + 8])
{
	size_t length;

	key[0] = (char)('0' + scheme);
	key[1] = '/';
	length = host_format_authority(host, port, 0, key + 2);
	return slice_of(key, 2 + length);
}

struct origin *origin_pool_take(struct sandbox *sandbox, enum policy_scheme scheme,
				const struct host *host, uint16_t port)
{
	char key[HOST_AUTHORITY_MAX + 8];
	struct map_node *node = map_find(&sandbox->pool.authorities,
					 make_key(scheme, host, port, key));
	struct origin_authority *authority;
	struct origin *origin;

	if (!node)
		return NULL;
	authority = container_of(node, struct origin_authority, node);
	origin = container_of(authority->idle.next, struct origin, mates_node);
	origin_pool_forget(origin);
	sandbox->pool.reused++;
	return origin;
}

static struct origin_authority *find_or_make(struct origin *origin)
{
	struct map *authorities = &origin->sandbox->pool.authorities;
	char key[HOST_AUTHORITY_MAX + 8];
	struct slice text = make_key(origin->scheme, &origin->host, origin->port, key);
	struct map_node *node = map_find(authorities, text);
	struct origin_authority *authority;

	if (node)
		return container_of(node, struct origin_authority, node);
	authority = calloc(1, sizeof(*authority));
	if (!authority)
		return NULL;
	memcpy(authority->key, text.ptr, text.len);
	list_init(&authority->idle);
	if (map_insert(authorities, &authority->node, slice_of(authority->key, text.len)) < 0) {
		free(authority);
		return NULL;
	}
	return authority;
}

void origin_pool_put(struct origin *origin)
{
	struct origin_pool *pool = &origin->sandbox->pool;
	struct origin_authority *authority = find_or_make(origin);

	if (!authority) {
		origin_close(origin);
		return;
	}
	origin->authority = authority;
	authority->count++;
	pool->idle_count++;
	list_prepend(&authority->idle, &origin->mates_node);
	list_append(&pool->idle, &origin->idle_node);
	if (authority->count > LIMIT_IDLE_PER_AUTHORITY)
		origin_close(container_of(authority->idle.previous, struct origin, mates_node));
	else if (pool->idle_count > LIMIT_IDLE)
		origin_close(container_of(pool->idle.next, struct origin, idle_node));
}

void origin_pool_forget(struct origin *origin)
{
	struct origin_pool *pool = &origin->sandbox->pool;
	struct origin_authority *authority = origin->authority;

	if (!authority)
		return;
	origin->authority = NULL;
	list_remove(&origin->mates_node);
	list_remove(&origin->idle_node);
	pool->idle_count--;
	if (--authority->count > 0)
		return;
	map_remove(&pool->authorities, &authority->node);
	free(authority);
}
