/* Which records of a journal are wanted: what `audit tail`, `query` and `export` share. */
#ifndef PROXY_AUDIT_FILTER_H
#define PROXY_AUDIT_FILTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* All that are given must hold; NULL, false and zero ask for nothing. */
struct audit_filter {
	const char *kind;
	const char *sandbox;
	const char *host;    /* the host, the name asked for, or an address; "*.example.com" is all
				names below that one */
	const char *rule;    /* "rules[3]", or "3" */
	const char *secret;  /* one that was put in, or whose placeholder was misused */
	const char *verdict; /* one of audit_filter_verdicts() */
	bool denied;	     /* denied, or would be if the policy were enforced */
	bool has_since;
	bool has_until;
	int64_t since_us; /* from then on */
	int64_t until_us; /* before then */
};

/* "allow", "deny", "would-deny"; NULL ends the list. */
const char *const *audit_filter_verdicts(void);

/* A record whose time cannot be read is of no time that was asked for. */
bool audit_filter_matches(const struct audit_filter *filter, const json_t *record);

#endif
