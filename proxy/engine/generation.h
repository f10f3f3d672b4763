/*
 * What is made of all secrets of a sandbox to find them and their placeholders by. It is made anew
 * when a token is captured (secret/capture.h); what was there before stays as long as an exchange
 * may have a stage that uses it.
 *
 *   exchange --begins--> the newest generation --is captured--> a newer one, for exchanges to come
 *
 * An exchange uses the generation that it began with, and later ones. So the oldest is released
 * when none of its exchanges is left.
 */
#ifndef PROXY_ENGINE_GENERATION_H
#define PROXY_ENGINE_GENERATION_H

#include "base/error.h"
#include "base/list.h"
#include "base/slice.h"

struct policy_secret;
struct sandbox;

struct generation {
	struct list node; /* of the sandbox's, oldest first */
	size_t users;
	struct scanner *scanner;
	struct finder *finder;
	struct scrubber *field_scrubber;
	struct scrubber *body_scrubber;
};

/* The sandbox's first: its secrets are sealed. 0 or a negative code with ERR. */
int generation_begin(struct sandbox *sandbox, struct error *err);

/* Releases all. No exchange is left. */
void generation_end_all(struct sandbox *sandbox);

struct generation *generation_use(struct sandbox *sandbox);
void generation_leave(struct sandbox *sandbox, struct generation *generation);

/* Captures TOKEN, which a server gave out for SECRET. The placeholder that stands for it; ptr is
 * NULL with ERR when it cannot be. */
struct slice generation_capture(struct sandbox *sandbox, const struct policy_secret *secret,
				struct slice token, struct error *err);

#endif
