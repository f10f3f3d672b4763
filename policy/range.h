/*
 * Address ranges of "network": which may be listed under "private", and which addresses could never
 * be dialled whatever is listed (threats D3, N9). The engine judges every address again before it
 * dials it; this is so that a policy which cannot work is refused when it is loaded.
 */
#ifndef POLICY_RANGE_H
#define POLICY_RANGE_H

#include "policy/policy.h"
#include "policy/special.h"

/* The standing of an address, with WHAT set to what it is: "loopback". */
enum special_standing range_of_address(const struct host *address, const char **what);

/* The standing of a range that lies within one kind as a whole; SPECIAL_PUBLIC if it does not. */
enum special_standing range_of_cidr(const struct policy_cidr *cidr, const char **what);

/* A metadata service that lies in CIDR, or NULL. */
const struct special_range *range_find_metadata(const struct policy_cidr *cidr);

/* The range of one address. */
struct policy_cidr range_of_host(const struct host *address);

bool range_is_within(const struct policy_cidr *inner, const struct policy_cidr *outer);

bool range_has_address(const struct policy_cidr *cidr, const struct host *address);

/* Whether one of the policy's private ranges has ADDRESS. */
bool range_is_listed(const struct policy *policy, const struct host *address);

/* Whether one of them has some address of CIDR. */
bool range_is_listed_in_part(const struct policy *policy, const struct policy_cidr *cidr);

/* Parses an address, IPv6 with or without brackets. 0 or ERROR_SYNTAX. */
int range_parse_address(struct slice text, struct host *address);

/* Parses ADDRESS[/BITS]. 0, or ERROR_SYNTAX with WHY. */
int range_parse_cidr(struct slice text, struct policy_cidr *cidr, const char **why);

#endif
