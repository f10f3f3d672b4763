#include <stdlib.h>

#include "base/error.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/origin_connection.h"
#include "proxy/engine/sandbox.h"

void origin_pool_init(struct origin_pool *pool)
{
	*pool = (struct origin_pool){0};
	map_init(&pool->authorities);
	list_init(&pool->unused);
	list_init(&pool->idle);
	list_init(&pool->all);
}

static void free_authority(struct map_node *node, void *context)
{
	(void)context;
	free(container_of(node, struct origin_authority, node));
}

void origin_pool_free(struct origin_pool *pool)
{
	list_for_each_safe(node, &pool->all)
		origin_connection_close(container_of(node, struct origin_connection, node));
	map_visit(&pool->authorities, free_authority, NULL);
	map_free(&pool->authorities);
	origin_pool_init(pool);
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

struct origin_authority *origin_authority_find(struct origin_pool *pool, enum policy_scheme scheme,
					       const struct host *host, uint16_t port)
{
	char key[HOST_AUTHORITY_MAX + 8];
	struct map_node *node = map_find(&pool->authorities, make_key(scheme, host, port, key));

	return node ? container_of(node, struct origin_authority, node) : NULL;
}

static void forget(struct origin_pool *pool, struct origin_authority *authority)
{
	list_remove(&authority->unused_node);
	pool->unused_count--;
	map_remove(&pool->authorities, &authority->node);
	free(authority);
}

struct origin_authority *origin_authority_get(struct origin_pool *pool, enum policy_scheme scheme,
					      const struct host *host, uint16_t port)
{
	struct origin_authority *authority = origin_authority_find(pool, scheme, host, port);
	struct slice key;

	if (authority)
		return authority;
	authority = calloc(1, sizeof(*authority));
	if (!authority)
		return NULL;
	key = make_key(scheme, host, port, authority->key);
	list_init(&authority->idle);
	list_init(&authority->sessions);
	list_init(&authority->starting);
	list_init(&authority->unused_node);
	if (map_insert(&pool->authorities, &authority->node, key) < 0) {
		free(authority);
		return NULL;
	}
	list_append(&pool->unused, &authority->unused_node);
	pool->unused_count++;
	return authority;
}

void origin_authority_hold(struct origin_pool *pool, struct origin_authority *authority)
{
	if (authority->connections++ > 0)
		return;
	list_remove(&authority->unused_node);
	pool->unused_count--;
}

void origin_authority_drop(struct origin_pool *pool, struct origin_authority *authority)
{
	if (--authority->connections > 0)
		return;
	list_append(&pool->unused, &authority->unused_node);
	if (++pool->unused_count > LIMIT_REMEMBERED)
		forget(pool, container_of(pool->unused.next, struct origin_authority, unused_node));
}

void origin_pool_park(struct origin_connection *connection)
{
	struct origin_pool *pool = &connection->sandbox->pool;

	connection->is_idle = true;
	list_append(&pool->idle, &connection->idle_node);
	deadline_set(&connection->deadline, TIMEOUT_POOL);
	if (++pool->idle_count > LIMIT_IDLE)
		origin_connection_close(
			container_of(pool->idle.next, struct origin_connection, idle_node));
}

void origin_pool_unpark(struct origin_connection *connection)
{
	connection->is_idle = false;
	list_remove(&connection->idle_node);
	connection->sandbox->pool.idle_count--;
	deadline_clear(&connection->deadline);
}

bool origin_pool_offers_h2(const struct origin_pool *pool, enum policy_scheme scheme,
			   const struct host *host, uint16_t port)
{
	char key[HOST_AUTHORITY_MAX + 8];
	struct map_node *node = map_find(&pool->authorities, make_key(scheme, host, port, key));

	return !node ||
	       container_of(node, struct origin_authority, node)->protocol != ORIGIN_SPEAKS_H1;
}

/* A request that may not be sent twice goes on a kept connection only if that is still there: its
 * end may have come, and wait to be read. */
static struct origin_connection *take_idle(struct origin_authority *authority,
					   const struct http_message *request)
{
	bool may_repeat = http_method_is_idempotent(request->method);

	while (!list_is_empty(&authority->idle)) {
		struct origin_connection *connection = container_of(
			authority->idle.next, struct origin_connection, authority_node);

		if (may_repeat || stream_is_quiet(&connection->stream))
			return connection;
		origin_connection_close(connection);
	}
	return NULL;
}

static struct origin_connection *find_session(struct origin_authority *authority)
{
	list_for_each(node, &authority->sessions) {
		struct origin_connection *connection = container_of(node, struct origin_connection,
								    authority_node);

		if (origin_h2_has_room(connection))
			return connection;
	}
	return NULL;
}

/* One of the connections that are being made, if it may come to serve one more. */
static struct origin_connection *find_starting(struct origin_authority *authority)
{
	struct origin_connection *connection;

	if (authority->protocol == ORIGIN_SPEAKS_H1 || list_is_empty(&authority->starting))
		return NULL;
	connection = container_of(authority->starting.previous, struct origin_connection,
				  authority_node);
	return connection->waiter_count < LIMIT_STREAMS ? connection : NULL;
}

int origin_acquire(struct sandbox *sandbox, struct exchange *exchange, bool fresh)
{
	const struct http_message *request = &exchange->request;
	struct origin_authority *authority = origin_authority_get(&sandbox->pool, request->scheme,
								  &request->host, request->port);
	struct origin_connection *connection;

	if (!authority)
		return -ENOMEM;
	fresh |= request->upgrade.len > 0;
	connection = fresh ? NULL : find_session(authority);
	if (connection) {
		sandbox->pool.reused++;
		return origin_h2_attach(connection, exchange) ? 0 : -ENOMEM;
	}
	connection = fresh ? NULL : take_idle(authority, request);
	if (connection) {
		sandbox->pool.reused++;
		origin_h1_attach(connection, exchange);
		return 0;
	}
	connection = request->upgrade.len ? NULL : find_starting(authority);
	if (!connection)
		connection = origin_connection_open(sandbox, authority, request);
	return connection ? origin_connection_await(connection, exchange) : ERROR_LIMIT;
}
