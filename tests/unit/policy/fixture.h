/* Policies as text, for the tests of this folder. */
#ifndef TESTS_UNIT_POLICY_FIXTURE_H
#define TESTS_UNIT_POLICY_FIXTURE_H

#include "base/arena.h"
#include "policy/match.h"
#include "tests/unit/allocation.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Loads TEXT, which must be a good policy, maybe with warnings. */
struct policy *fixture_load(const char *text);

/* The diagnostics of TEXT as they are shown, for a file "p.yaml"; to be freed. Empty text when
 * there are none. The policy is released. */
char *fixture_diagnose(const char *text);

/* Fails unless TEXT is refused (or only warned of, if WARNS) and PART is in what is said. */
void fixture_assert_says(const char *text, const char *part, bool warns);

/* A verdict on "METHOD URL" with an http or https URL. */
void fixture_decide(const struct policy *policy, const char *request,
		    struct policy_verdict *verdict);

/* A request made of "METHOD URL", whose parts live until the next call. */
const struct policy_request *fixture_request(const char *text);

#endif
