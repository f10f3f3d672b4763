/*
 * From placeholders to secrets, for the head of one request (design section 3, rules 6 to 8).
 *
 *   secret_plan_begin()  finds the uses that the request may draw on
 *   secret_plan_path()   looks at the path
 *   secret_plan_set()    makes room for the fields that the rule sets
 *   secret_plan_make()   looks at the rest of the head: a placeholder in a slot that it is bound to
 *                        (by the policy's uses for this very request) is planned; one anywhere
 *                        else, or in disguise, is a misuse, dealt with as its secret says
 *   secret_plan_apply()  just before the head is written to a verified TLS leg: fields, path and
 *                        query get the real values, in locked scratch memory
 *   secret_plan_undo()   just after: the placeholders are back, the scratch memory is wiped
 *
 * They are called in this order; when secret_plan_path() has changed the path, which must be judged
 * anew then, from the beginning. A plan starts as zeroes and lives as long as the message.
 *
 * Between apply and undo nothing else may run: no callback, no allocation that outlives it.
 *
 * Rooms: misuse.c (what is done with a misuse), inject_target.c (path, query), inject_fields.c
 * (fields, cookies), inject_basic.c, inject_set.c; slots_target.c says what stands in which slot.
 */
#ifndef PROXY_SECRET_INJECT_H
#define PROXY_SECRET_INJECT_H

#include "policy/match.h"
#include "proxy/http/message.h"
#include "proxy/secret/misuse.h"
#include "proxy/secret/slots.h"

enum {
	SECRET_ITEMS_MAX = 16,
	SECRET_USES_MAX = 64, /* that can match one request */
	SECRET_SAVED_MAX = SECRET_ITEMS_MAX + POLICY_SETS_MAX,
	/* Scratch: the values of one head, and what their decoding and encoding needs. */
	SECRET_SCRATCH_BYTES = 256 << 10,
};

/* A secret that will be put in. */
struct secret_item {
	const struct secret_entry *entry;
	const struct policy_use *use;
	/* Of the field it stands in, which is known by where its name is in memory, as fields
	 * before it may be taken out. NULL: in the path, the query, or the body. */
	const char *field;
};

/* What a field was before apply. */
struct secret_saved {
	struct http_field *field;
	struct slice value;
};

struct secret_plan {
	const struct policy_use *uses[SECRET_USES_MAX];
	size_t use_count;
	struct secret_item items[SECRET_ITEMS_MAX];
	size_t item_count;
	uint64_t captured; /* the marks of all captured tokens that were put in, or will be */
	bool body_may_get; /* a slot of the body, or of a WebSocket's messages, is among the uses */
	const struct policy_rule *rule;		 /* whose fields are set, or NULL */
	struct slice set_slots[POLICY_SETS_MAX]; /* "set Authorization" */
	struct secret_misuse misuses[SECRET_MISUSES_MAX];
	size_t misuse_count;
	size_t misuses_more;
	const struct secret_misuse
		*refusal; /* the misuse for which the request is refused, or NULL */
	bool kill;	  /* the sandbox must end */
	/* Of apply. */
	struct secret_saved saved[SECRET_SAVED_MAX];
	size_t saved_count;
	bool target_saved;
	struct slice saved_path;
	struct slice saved_query;
	size_t scratch_used;
};

/* 0, or ERROR_LIMIT when more uses match than are supported. */
int secret_plan_begin(struct secret_plan *plan, const struct policy *policy,
		      const struct policy_request *request);

/* Plans for MESSAGE's path, canonical by now, and strips from it what must be stripped: 1 when it
 * has changed so. 0, or an error like those of secret_plan_make(). */
int secret_plan_path(const struct secret_store *store, struct http_message *message,
		     struct secret_plan *plan);

/* Takes out the fields that RULE sets, under any spelling that a server may take for the same name,
 * and puts its own there, empty as yet. 0, ERROR_LIMIT or -ENOMEM. */
int secret_plan_set(const struct policy_rule *rule, struct http_message *message,
		    struct secret_plan *plan);

/* Plans for MESSAGE's query and fields. Strips what must be stripped from MESSAGE. 0, ERROR_LIMIT
 * when a request has more placeholders than are supported, or -ENOMEM. The plan's refusal and kill
 * say how to go on. */
int secret_plan_make(const struct secret_store *store, struct http_message *message,
		     struct secret_plan *plan);

/* Looks at the trailers of a request: every placeholder there is a misuse. */
int secret_plan_trailers(const struct secret_store *store, struct http_fields *trailers,
			 struct arena *arena, struct secret_plan *plan);

/* The use for ENTRY where PLACE is, in this request, or NULL. In a body that is "body" too. */
const struct policy_use *secret_plan_find_use(const struct secret_plan *plan,
					      const struct secret_entry *entry,
					      const struct slots_place *place);

/* A judge (slots.h) for bodies and messages of WebSockets, whose owner is the plan: what is bound
 * to its place goes in, and is listed from then on; the rest is a misuse. When it refuses, the
 * plan's refusal says why; if there is none, there are more secrets than are supported. */
enum slots_verdict secret_plan_judge(void *plan, const struct secret_entry *entry,
				     const struct slots_place *place);

/* ENTRY is put in by USE: into the field whose name is at FIELD, or elsewhere when that is NULL. 0,
 * or ERROR_LIMIT. */
int secret_plan_add(struct secret_plan *plan, const struct secret_entry *entry,
		    const struct policy_use *use, const char *field);

/* Whether a real secret goes out with the request, or may, in its body, so that it needs a verified
 * leg, and apply. */
static inline bool secret_plan_has_secrets(const struct secret_plan *plan)
{
	return plan->item_count > 0 || plan->rule || plan->body_may_get;
}

/* The secrets that are put in, from INDEX 0 on; false: there are no more. Of the secret, and how
 * the log calls the slot. */
struct secret_put {
	const struct policy_secret *secret;
	struct slice slot;
};

bool secret_plan_list(const struct secret_plan *plan, size_t index, struct secret_put *put);

/* Puts the real values into MESSAGE. SCRATCH is locked memory of SECRET_SCRATCH_BYTES, not in use
 * otherwise. MESSAGE's query is right behind its path in memory then, if there is a secret in
 * either. 0, or ERROR_LIMIT. Whatever is returned, undo must follow. */
int secret_plan_apply(const struct secret_store *store, struct secret_plan *plan,
		      struct http_message *message, char *scratch);

void secret_plan_undo(struct secret_plan *plan, struct http_message *message, char *scratch);

#endif
