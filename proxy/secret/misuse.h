/* Placeholders outside their slots: where they are met, and what is done with them. */
#ifndef PROXY_SECRET_MISUSE_H
#define PROXY_SECRET_MISUSE_H

#include "proxy/secret/store.h"

enum { SECRET_MISUSES_MAX = 8 };

enum secret_place {
	SECRET_IN_FIELD,
	SECRET_IN_BASIC,
	SECRET_IN_COOKIE,
	SECRET_IN_FIELD_NAME,
	SECRET_IN_PATH,
	SECRET_IN_QUERY,
	SECRET_IN_BODY,
	SECRET_IN_TRAILER,
	SECRET_PLACE_COUNT,
};

/* "header", "basic", "cookie", ... */
const char *secret_place_name(enum secret_place place);

enum secret_action {
	SECRET_PASSED,
	SECRET_STRIPPED,
	SECRET_BLOCKED,
	SECRET_KILLED,
};

/* "passed", "stripped", "blocked", "killed" */
const char *secret_action_name(enum secret_action action);

struct secret_misuse {
	const struct secret_entry *entry;
	enum secret_place place;
	enum secret_action action;
	bool disguised; /* it was encoded in a way that its place does not need */
};

struct secret_plan;

/* Notes a misuse of ENTRY at PLACE and says what is to be done with it. In a body, "block" passes.
 */
enum secret_action secret_plan_note(struct secret_plan *plan, const struct secret_entry *entry,
				    enum secret_place place);

/* The same for a placeholder in disguise (threat S8). It cannot be taken out without doubt, so that
 * what would be stripped is blocked. */
enum secret_action secret_plan_note_disguised(struct secret_plan *plan,
					      const struct secret_entry *entry,
					      enum secret_place place);

#endif
