/*
 * Placeholders in a request's body, where no slot is: they are counted, refused or taken out, as
 * the secrets' misuse says, in a stream of slices, wherever the slices are cut.
 *
 * Nothing is held back but what could be the beginning of a placeholder, and that only when some
 * secret asks for its placeholder to be taken out; otherwise slices pass as they are.
 */
#ifndef PROXY_SECRET_BODY_H
#define PROXY_SECRET_BODY_H

#include "base/buffer.h"
#include "proxy/secret/inject.h"

struct secret_body {
	const struct secret_store *store;
	struct secret_plan *plan;
	bool strips; /* some secret's misuse is "strip" */
	struct buffer
		tail; /* the end of what came before, as long as a placeholder may reach back */
	struct buffer kept; /* strips: rewritten text, until the next call */
};

/* Whether bodies must be seen in the clear: some secret wants its placeholder refused, taken out,
 * or the sandbox ended. A body in a content coding is refused then (all or nothing). */
bool secret_body_must_inspect(const struct secret_store *store);

/* Whether bodies may change their length. */
bool secret_body_may_change(const struct secret_store *store);

void secret_body_init(struct secret_body *body, const struct secret_store *store,
		      struct secret_plan *plan);
void secret_body_free(struct secret_body *body);

/* Takes the next slice, or the END, and sets *OUT to what may go on (IN's memory or BODY's own,
 * until the next call). 0; ERROR_DENIED when the request must be refused (the plan's refusal says
 * why); or -ENOMEM. */
int secret_body_feed(struct secret_body *body, struct slice in, bool end, struct slice *out);

#endif
