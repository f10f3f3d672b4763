#include "proxy/secret/misuse.h"

#include "proxy/secret/inject.h"

const char *secret_place_name(enum secret_place place)
{
	static const char *const names[] = {
		[SECRET_IN_FIELD] = "header",  [SECRET_IN_BASIC] = "basic",
		[SECRET_IN_COOKIE] = "cookie", [SECRET_IN_FIELD_NAME] = "header name",
		[SECRET_IN_PATH] = "path",     [SECRET_IN_QUERY] = "query",
		[SECRET_IN_BODY] = "body",     [SECRET_IN_TRAILER] = "trailer",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == SECRET_PLACE_COUNT,
		       "every place has a name");
	return names[place];
}

const char *secret_action_name(enum secret_action action)
{
	static const char *const names[] = {
		[SECRET_PASSED] = "passed",
		[SECRET_STRIPPED] = "stripped",
		[SECRET_BLOCKED] = "blocked",
		[SECRET_KILLED] = "killed",
	};

	return names[action];
}

static enum secret_action action_for(const struct secret_entry *entry, enum secret_place place)
{
	switch (entry->policy->misuse) {
	case POLICY_MISUSE_BLOCK:
		return place == SECRET_IN_BODY ? SECRET_PASSED : SECRET_BLOCKED;
	case POLICY_MISUSE_STRIP:
		/* What is left of a name could be the name of another field, that of one that
		 * frames or routes the message among them. */
		return place == SECRET_IN_FIELD_NAME ? SECRET_BLOCKED : SECRET_STRIPPED;
	case POLICY_MISUSE_PASS:
		return SECRET_PASSED;
	case POLICY_MISUSE_KILL:
		return SECRET_KILLED;
	default:
		return SECRET_BLOCKED;
	}
}

static const struct secret_misuse *find_noted(const struct secret_plan *plan,
					      const struct secret_misuse *misuse)
{
	for (size_t i = 0; i < plan->misuse_count; i++) {
		const struct secret_misuse *noted = &plan->misuses[i];

		if (noted->entry == misuse->entry && noted->place == misuse->place &&
		    noted->action >= misuse->action)
			return noted;
	}
	return NULL;
}

static enum secret_action note(struct secret_plan *plan, struct secret_misuse misuse)
{
	const struct secret_misuse *noted = find_noted(plan, &misuse);

	if (noted) {
		/* The refusal that it was before may have been let pass. */
		if (misuse.action >= SECRET_BLOCKED && !plan->refusal)
			plan->refusal = noted;
		return misuse.action;
	}
	if (plan->misuse_count == SECRET_MISUSES_MAX) {
		/* The last one kept gives way to one that refuses the request. */
		plan->misuses_more++;
		if (misuse.action < SECRET_BLOCKED || plan->refusal)
			return misuse.action;
		plan->misuse_count--;
	}
	plan->misuses[plan->misuse_count] = misuse;
	if (misuse.action >= SECRET_BLOCKED && !plan->refusal)
		plan->refusal = &plan->misuses[plan->misuse_count];
	plan->misuse_count++;
	if (misuse.action == SECRET_KILLED)
		plan->kill = true;
	return misuse.action;
}

enum secret_action secret_plan_note(struct secret_plan *plan, const struct secret_entry *entry,
				    enum secret_place place)
{
	return note(plan, (struct secret_misuse){entry, place, action_for(entry, place), false});
}

enum secret_action secret_plan_note_disguised(struct secret_plan *plan,
					      const struct secret_entry *entry,
					      enum secret_place place)
{
	enum secret_action action = action_for(entry, place);

	if (action == SECRET_STRIPPED)
		action = SECRET_BLOCKED;
	return note(plan, (struct secret_misuse){entry, place, action, true});
}
