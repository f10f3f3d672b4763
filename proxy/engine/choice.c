#include "proxy/engine/choice.h"

void choice_add(struct choice *choice, const struct address *address)
{
	struct choice_list *list = address->length == 4 ? &choice->ipv4 : &choice->ipv6;

	if (list->count < CHOICE_ADDRESSES_MAX)
		list->addresses[list->count++] = *address;
}

/* Of several addresses that are refused, the first one is told. */
static void filter(struct choice_list *list, const struct policy *policy, bool is_named,
		   char why[CHOICE_WHY_BYTES])
{
	int (*check)(const struct address *, const struct policy *,
		     const char **) = is_named ? address_check : address_check_resolved;
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		const char *class;

		if (check(&list->addresses[i], policy, &class) == 0) {
			list->addresses[kept++] = list->addresses[i];
			continue;
		}
		if (why[0] != '\0')
			continue;
		address_explain_denial(&list->addresses[i], class, why, CHOICE_WHY_BYTES);
	}
	list->count = kept;
}

/* RFC 8305 section 4: IPv6 first, then by turns, as long as there are both. */
static void interleave(const struct choice *choice, struct resolver_result *result)
{
	const struct choice_list *lists[] = {&choice->ipv6, &choice->ipv4};
	size_t taken[2] = {0}, turn = 0;

	while (result->count < RESOLVER_ADDRESSES_MAX) {
		if (taken[turn] == lists[turn]->count)
			turn = !turn;
		if (taken[turn] == lists[turn]->count)
			return;
		result->addresses[result->count++] = lists[turn]->addresses[taken[turn]++];
		turn = !turn;
	}
}

void choice_make(struct choice *choice, const struct policy *policy, struct resolver_result *result,
		 char why[CHOICE_WHY_BYTES])
{
	why[0] = '\0';
	filter(&choice->ipv6, policy, choice->is_named, why);
	filter(&choice->ipv4, policy, choice->is_named, why);
	interleave(choice, result);
	if (result->count == 0)
		result->error = ERROR_DENIED;
}
