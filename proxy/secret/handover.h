/*
 * Secrets on their way from the supervisor, which reads them from their sources, to the worker,
 * which keeps them.
 *
 * They go through a region that the two share: locked, left out of core dumps, wiped by the worker
 * as soon as it has its own copy. They never pass through a socket, a file, an argument or the
 * heap.
 *
 * Supervisor: create (before the fork), for each secret reserve and put, then send SECRETS. Worker:
 * take.
 */
#ifndef PROXY_SECRET_HANDOVER_H
#define PROXY_SECRET_HANDOVER_H

#include "base/error.h"
#include "policy/policy.h"
#include "proxy/secret/store.h"

enum { SECRET_HANDOVER_BYTES = 2 << 20 };

struct secret_handover; /* in shared memory */

/* Maps the region. It is small, and not locked, when POLICY has no secrets. */
int secret_handover_create(const struct policy *policy, struct secret_handover **handover,
			   struct error *err);

/* Overwrites all values and placeholders. */
void secret_handover_wipe(struct secret_handover *handover);

/* Where the next text goes, and how much may be written there. */
char *secret_handover_room(struct secret_handover *handover, size_t *size);

/* LEN bytes were written there: the value, or the placeholder, of secret INDEX. */
void secret_handover_put_value(struct secret_handover *handover, size_t index, size_t len);
void secret_handover_put_placeholder(struct secret_handover *handover, size_t index, size_t len);

struct slice secret_handover_value(const struct secret_handover *handover, size_t index);
struct slice secret_handover_placeholder(const struct secret_handover *handover, size_t index);

/* Moves everything into STORE, seals it, and wipes the region. */
int secret_handover_take(const struct policy *policy, struct secret_handover *handover,
			 struct secret_store *store, struct error *err);

#endif
