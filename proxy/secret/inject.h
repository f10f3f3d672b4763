/*
 * From placeholders to secrets, for one request (design section 3, rules 6 to 8).
 *
 *   secret_plan_make()   looks at every part of a request's head: a placeholder in a slot that it
 * is bound to (by the policy's uses for this very request) is planned; one anywhere else is a
 *                        misuse, dealt with as its secret says
 *   secret_plan_apply()  just before the head is written to a verified TLS leg: fields get the real
 * values, in locked scratch memory secret_plan_undo()   just after: the placeholders are back, the
 * scratch memory is wiped
 *
 * Between apply and undo nothing else may run: no callback, no allocation that outlives it.
 */
#ifndef PROXY_SECRET_INJECT_H
#define PROXY_SECRET_INJECT_H

#include "policy/match.h"
#include "proxy/http/message.h"
#include "proxy/secret/store.h"

enum {
	SECRET_ITEMS_MAX = 16,
	SECRET_MISUSES_MAX = 8,
	SECRET_USES_MAX = 64, /* that can match one request */
	/* Scratch: the values of one head, and what their decoding and encoding needs. */
	SECRET_SCRATCH_BYTES = 256 << 10,
};

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

struct secret_item {
	const struct secret_entry *entry;
	const struct policy_use *use;
	size_t field;	   /* index into the message's fields */
	struct slice name; /* of that field: if another one stands there, nothing is put in */
};

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
};

struct secret_plan {
	struct secret_item items[SECRET_ITEMS_MAX];
	size_t item_count;
	struct secret_misuse misuses[SECRET_MISUSES_MAX];
	size_t misuse_count;
	size_t misuses_more;
	const struct secret_misuse
		*refusal; /* the misuse for which the request is refused, or NULL */
	bool kill;	  /* the sandbox must end */
	struct slice originals[SECRET_ITEMS_MAX]; /* of apply: the fields' values before */
	size_t applied;
	size_t scratch_used;
};

/* Notes a misuse of ENTRY at PLACE and says what is to be done with it. In a body, "block" passes.
 */
enum secret_action secret_plan_note(struct secret_plan *plan, const struct secret_entry *entry,
				    enum secret_place place);

/* Plans for MESSAGE, the request that REQUEST describes, whose path is MESSAGE->path (canonical by
 * now) and whose query is MESSAGE->query. Strips what must be stripped from MESSAGE. 0, ERROR_LIMIT
 * when a request has more placeholders than are supported, or -ENOMEM. The plan's refusal and kill
 * say how to go on. */
int secret_plan_make(const struct secret_store *store, const struct policy *policy,
		     const struct policy_request *request, struct http_message *message,
		     struct secret_plan *plan);

/* Whether what is planned may be put into REQUEST, whose path is another than when the plan was
 * made: something was taken out of it. */
bool secret_plan_holds(const struct secret_plan *plan, const struct policy *policy,
		       const struct policy_request *request);

/* Looks at the trailers of a request: every placeholder there is a misuse. */
int secret_plan_trailers(const struct secret_store *store, struct http_fields *trailers,
			 struct arena *arena, struct secret_plan *plan);

/* Puts the real values into MESSAGE's fields. SCRATCH is locked memory of SECRET_SCRATCH_BYTES, not
 * in use otherwise. 0, or ERROR_LIMIT. */
int secret_plan_apply(const struct secret_store *store, struct secret_plan *plan,
		      struct http_message *message, char *scratch);

void secret_plan_undo(struct secret_plan *plan, struct http_message *message, char *scratch);

#endif
