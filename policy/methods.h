/* Request methods: which ones a list of a rule or use stands for (threat P12). */
#ifndef POLICY_METHODS_H
#define POLICY_METHODS_H

#include "policy/policy.h"

enum method_standing {
	METHOD_COMMON, /* allowed where no methods are listed */
	METHOD_LISTED, /* registered, but to be named: WebDAV, TRACE and others */
	METHOD_TUNNEL, /* CONNECT: never, as what is inside could not be judged */
	METHOD_UNKNOWN,
};

/* All that can be listed; NULL-terminated. */
extern const char *const methods_known[];

/* By exact case: "get" is not known. */
enum method_standing method_standing(struct slice method);

/* The known method that is nearest to one that is not, or NULL. */
const char *method_nearest(struct slice method);

/* DENY says whose list it is: an empty one of a denial takes in every method. */
bool methods_have(const struct policy_methods *methods, bool deny, struct slice method);

/* Whether every method that INNER could decide on is one of OUTER's. For an unwritten list these
 * are the common ones, of a denial too: others are denied anyhow. */
bool methods_cover(const struct policy_methods *outer, bool outer_denies,
		   const struct policy_methods *inner);

/* Whether they have a method in common. */
bool methods_overlap(const struct policy_methods *a, bool a_denies, const struct policy_methods *b,
		     bool b_denies);

/* The methods of a list that is not written: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS. */
const struct policy_methods *methods_common(void);

#endif
