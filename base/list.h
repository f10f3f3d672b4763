/*
 * Intrusive doubly linked lists. The node is a member of the object, so that linking allocates
 * nothing and an object can leave a list without being searched for. A list is a head node linked
 * to itself; a node that is in no list is linked to itself too.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *previous;
};

/* The object of TYPE whose member MEMBER is at NODE. */
#define container_of(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->next = list;
	list->previous = list;
}

static inline bool list_is_empty(const struct list *list)
{
	return list->next == list;
}

static inline void list_insert_before(struct list *place, struct list *node)
{
	node->previous = place->previous;
	node->next = place;
	place->previous->next = node;
	place->previous = node;
}

static inline void list_append(struct list *list, struct list *node)
{
	list_insert_before(list, node);
}

static inline void list_prepend(struct list *list, struct list *node)
{
	list_insert_before(list->next, node);
}

/* Takes NODE out of its list, if it is in one. */
static inline void list_remove(struct list *node)
{
	node->previous->next = node->next;
	node->next->previous = node->previous;
	list_init(node);
}

/* NODE runs over the list HEAD; it must stay in it during the turn. */
#define list_for_each(node, head)                                                                  \
	for (struct list *node = (head)->next; node != (head); node = node->next)

/* The same, where the turn may remove NODE. */
#define list_for_each_safe(node, head)                                                             \
	for (struct list *node = (head)->next, *node##_next = node->next; node != (head);          \
	     node = node##_next, node##_next = node->next)

#endif
