/*
 * The body of a request on its way from the client's leg to the origin's: looked through for
 * placeholders, and rewritten where the policy has a slot in it (design sections 3.8, 3.10, 4;
 * threats S8, S11, S14 to S16).
 *
 *   mode    when                                        what
 *   PASS    there are no secrets, or no body            nothing
 *   WATCH   no slot of this request is in the body      scanned as it is (secret/body.h)
 *   FLOW    a slot may be in it, or it is coded and     decoded, rewritten by the syntax of its
 *           must be looked through                      type, encoded again
 *
 * The length (design section 4): it stands when nothing can change it; else a body of up to
 * BODY_COLLECT_MAX_BYTES is collected, as the client sent it, gone through once to find how long it
 * will be and what its digests are, and again when it is sent; a longer one is framed anew. So no
 * real value waits anywhere.
 *
 * A body that something else vouches for (a signature, a digest that cannot be computed before it
 * is sent, a part of a range) passes as long as nothing in it would change, and is refused when it
 * would.
 */
#ifndef PROXY_ENGINE_EXCHANGE_BODY_H
#define PROXY_ENGINE_EXCHANGE_BODY_H

#include "proxy/http/digest.h"
#include "proxy/http/flow.h"
#include "proxy/secret/body.h"
#include "proxy/secret/inject.h"
#include "proxy/secret/slots.h"

struct answer;
struct exchange;

enum { BODY_COLLECT_MAX_BYTES = 64 << 10 };

enum body_mode {
	BODY_PASS,
	BODY_WATCH,
	BODY_FLOW,
};

/* What a body's owner does next. */
enum body_plan {
	BODY_STREAM,  /* connect, and pass it on as it comes */
	BODY_COLLECT, /* let it come first */
};

struct exchange_body {
	struct exchange *exchange;
	enum body_mode mode;
	enum body_plan plan;
	const struct policy_use *uses[SECRET_USES_MAX]; /* whose slots may be in this body */
	size_t use_count;
	const struct policy_use *put_in[SECRET_ITEMS_MAX]; /* those that were */
	size_t put_in_count;
	bool changed;
	const char *fixed; /* why nothing may change; NULL: it may */
	bool fixed_was_met;
	struct secret_body watch;
	struct flow flow;
	struct slots_owner owner;
	enum slots_body type;
	char boundary[SLOTS_BOUNDARY_MAX_BYTES];
	size_t boundary_bytes;
	struct digest digest;
	uint64_t measured_bytes;
	uint64_t sent_bytes;
	struct buffer collected; /* as the client sent it */
};

/* The body of a request that is allowed, as ASKED, and whose head is planned. False with ANSWER
 * when it cannot be dealt with. */
bool exchange_body_begin(struct exchange *exchange, const struct policy_request *asked,
			 struct answer *answer);
void exchange_body_free(struct exchange_body *body);

/* Whether a real value may be put into it. */
bool exchange_body_may_carry(const struct exchange_body *body);

/* Passes DATA on to the origin's leg; END: it was the last. Returns FLOW_DONE when all of it has
 * gone on, FLOW_BLOCKED when the rest waits for the origin's leg, FLOW_OPEN, or a negative code
 * with *WHY: ERROR_DENIED when the request must be refused (for a misuse if the plan has a
 * refusal), others for a body that cannot be read. */
int exchange_body_feed(struct exchange_body *body, struct slice data, bool end, const char **why);

/* The origin's leg takes more. The same. */
int exchange_body_resume(struct exchange_body *body, const char **why);

/* Keeps DATA, as the plan is to collect. 0 or a negative code with *WHY. */
int exchange_body_collect(struct exchange_body *body, struct slice data, const char **why);

/* All is collected: sets the request's length and digests. 0, or a negative code as above. */
int exchange_body_measure(struct exchange_body *body, const char **why);

/* Sends what was collected. As feed; may be called again, for another leg. */
int exchange_body_send_collected(struct exchange_body *body, const char **why);

/* Nothing has been fed yet, and another leg takes the place of the one that was there. 0 or a
 * negative code with *WHY. */
int exchange_body_restart(struct exchange_body *body, const char **why);

#endif
