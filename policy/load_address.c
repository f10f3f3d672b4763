#include "policy/load_address.h"

#include "policy/range.h"

void load_check_address(struct loader *loader, struct diagnostic_place place,
			const struct host *address)
{
	const char *what;
	enum special_standing standing = range_of_address(address, &what);

	if (standing >= SPECIAL_NEVER)
		loader_report(loader, place, NULL, "this address (%s) can never be reached", what);
	else if (standing == SPECIAL_LISTED && !range_is_listed(loader->policy, address))
		loader_report(loader, place, "list its range under \"private\"",
			      "this address is %s, and no range under \"private\" has it", what);
}
