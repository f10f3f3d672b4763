/*
 * The secrets of one sandbox, as its worker holds them: the real values in locked memory, the
 * placeholders that stand for them, and what finds the placeholders: a scanner, and a finder for
 * those in disguise.
 *
 * A placeholder is looked up in the store of the sandbox that the connection came from, and nowhere
 * else (design section 3, rule 7): another sandbox's is just text.
 *
 * States: entries are added, then secret_store_seal() is called once; from then on only tokens are
 * captured.
 */
#ifndef PROXY_SECRET_STORE_H
#define PROXY_SECRET_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/locked.h"
#include "policy/policy.h"
#include "proxy/secret/find.h"
#include "proxy/secret/scan.h"

enum {
	SECRET_VALUE_MAX_BYTES = 32 << 10,
	SECRET_STORE_BYTES = 1 << 20, /* of locked memory for the values */
	/* Of tokens that servers gave out (capture.h): the oldest gives way to one more. */
	SECRET_CAPTURED_MAX = 64,
	SECRET_CAPTURED_MAX_BYTES = 8 << 10,
};

struct secret_entry {
	const struct policy_secret *policy;
	struct slice placeholder;
	struct slice value; /* in locked memory */
	uint64_t mark;	    /* a bit of its own for one that was captured, else 0 */
};

struct secret_store {
	struct locked values;
	struct arena texts;
	struct secret_entry entries[POLICY_SECRETS_MAX + SECRET_CAPTURED_MAX];
	size_t count;
	struct locked captured_values; /* a room for each */
	char *captured_placeholders;   /* the same */
	size_t fixed_count;	       /* entries of the policy, before those that were captured */
	uint64_t captured;	       /* so far */
	struct scanner *scanner;
	struct finder *finder; /* of placeholders in disguise too (threat S8) */
};

int secret_store_init(struct secret_store *store, struct error *err);
void secret_store_free(struct secret_store *store);

/* Checks that VALUE can stand in the slots of SECRET (policy/slot.h; threat S12), and its length.
 * The error names the secret and never shows the value. */
int secret_check_value(const struct policy_secret *secret, struct slice value, struct error *err);

/* Adds a secret; VALUE is copied to locked memory. */
int secret_store_add(struct secret_store *store, const struct policy_secret *secret,
		     struct slice placeholder, struct slice value, struct error *err);

int secret_store_seal(struct secret_store *store, struct error *err);

/* Makes the scanner and the finder for what is in the store. For store*.c. */
int secret_store_index(struct secret_store *store, struct error *err);

/* Adds TOKEN, which a server gave out for SECRET, with a new placeholder, to be put in where SECRET
 * may be. The scanner and the finder are made anew, and the ones before are left to whoever uses
 * them. If the token is known already nothing changes. IN_USE: the marks of entries that must not
 * give way, as they may be on their way, or come back. The entry, or NULL with ERR. */
const struct secret_entry *secret_store_capture(struct secret_store *store,
						const struct policy_secret *secret,
						struct slice token, uint64_t in_use,
						struct error *err);

/* The token of ENTRY, which was captured, is not put in anywhere any more. */
void secret_store_disarm(struct secret_store *store, const struct secret_entry *entry);

/* The token of ENTRY, captured last, cannot be kept after all: SCANNER and FINDER, which were there
 * before, take the place of those that were made for it. */
void secret_store_take_back(struct secret_store *store, const struct secret_entry *entry,
			    struct scanner *scanner, struct finder *finder);

/* The entry of the first placeholder in TEXT from FROM on, or NULL. */
const struct secret_entry *secret_find(const struct secret_store *store, struct slice text,
				       size_t from, struct scan_hit *hit);

/* The entry of SECRET, or NULL. */
const struct secret_entry *secret_store_entry(const struct secret_store *store,
					      const struct policy_secret *secret);

/* TEXT with each placeholder, in whatever form or spelling, written as {NAME}, for logs and
 * messages: TEXT itself when it has none, else in ARENA. ptr is NULL without memory. */
struct slice secret_redact(const struct secret_store *store, struct slice text,
			   struct arena *arena);

/* TEXT with each placeholder replaced by what REPLACE says (an empty slice takes it out); where it
 * says no (returns false), the placeholder stays. The result is in OUT's memory; 0, or ERROR_LIMIT
 * when OUT is too small. */
struct secret_output {
	char *bytes;
	size_t size;
	size_t length;
};

typedef void secret_replace(void *context, const struct secret_entry *entry,
			    struct slice *replacement);

int secret_rewrite(const struct secret_store *store, struct slice text, secret_replace *replace,
		   void *context, struct secret_output *out);

#endif
