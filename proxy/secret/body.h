/*
 * Placeholders in a request's body where no slot is and nothing is taken out: they are counted or
 * refused, as the secrets' misuse says, in a stream of slices, wherever the slices are cut. The
 * slices pass as they are.
 */
#ifndef PROXY_SECRET_BODY_H
#define PROXY_SECRET_BODY_H

#include "base/buffer.h"
#include "proxy/secret/inject.h"

struct secret_body {
	const struct secret_store *store;
	struct secret_plan *plan;
	struct buffer
		tail; /* the end of what came before, as far as a placeholder may reach back */
};

/* Whether bodies must be seen in the clear: some secret wants its placeholder refused, taken out,
 * or the sandbox ended. A body in a coding is decoded then. */
bool secret_body_must_inspect(const struct secret_store *store);

/* Whether placeholders are taken out of bodies. */
bool secret_body_may_change(const struct secret_store *store);

void secret_body_init(struct secret_body *body, const struct secret_store *store,
		      struct secret_plan *plan);
void secret_body_free(struct secret_body *body);

/* Takes the next slice. 0; ERROR_DENIED when the request must be refused (the plan's refusal says
 * why); or -ENOMEM. */
int secret_body_feed(struct secret_body *body, struct slice in);

#endif
