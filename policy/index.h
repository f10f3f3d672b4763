/*
 * The index from hosts to the targets that name them: what makes a verdict cost by the host, not by
 * the policy. Each exact name, and each name below which a wildcard reaches, has the list of its
 * targets in the order of the file. A look-up takes the lists of the host itself, of each of its
 * parents at a depth where some wildcard is, and of "*", and merges them by that order. Of an
 * address all ranges are looked at, which are few (POLICY_RANGES_MAX). Nothing is allocated by a
 * look-up.
 */
#ifndef POLICY_INDEX_H
#define POLICY_INDEX_H

#include "base/arena.h"
#include "base/map.h"
#include "policy/policy.h"

enum { HOST_LABELS_MAX = (HOST_TEXT_MAX + 1) / 2 };

struct index_entry {
	struct index_entry *next; /* of the same list */
	size_t order;		  /* in the file, over all targets */
	const struct policy_target *target;
	const void *owner; /* the rule or use */
};

struct index_list {
	struct map_node node;
	struct index_entry *first;
	struct index_entry **end;
};

struct host_index {
	struct map exact;
	struct map below; /* wildcards, by what is behind the star */
	struct index_list any;
	struct index_list ranges;
	uint64_t depths[HOST_LABELS_MAX / 64 + 1]; /* numbers of labels that BELOW has */
	size_t count;
};

void host_index_init(struct host_index *index);

/* Releases the maps; the lists are their arena's. */
void host_index_free(struct host_index *index);

/* Adds a target behind all that are in. 0 or -ENOMEM. */
int host_index_add(struct host_index *index, struct arena *arena,
		   const struct policy_target *target, const void *owner);

struct index_cursor {
	const struct index_entry *lists[HOST_LABELS_MAX + 2]; /* what is left of each */
	size_t count;
	const struct index_entry *range; /* the next one that takes WITHIN in */
	struct policy_cidr within;
};

/* Starts over the targets whose host is HOST or takes it in. "*" takes in addresses only where the
 * rule denies; that is for the user to look at. */
void index_find(const struct host_index *index, const struct host *host,
		struct index_cursor *cursor);

/* Starts over the targets that take in every host of TARGET, and maybe more. */
void index_find_covering(const struct host_index *index, const struct policy_target *target,
			 struct index_cursor *cursor);

/* The next one, or NULL. */
const struct index_entry *index_next(struct index_cursor *cursor);

#endif
