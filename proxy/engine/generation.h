/*
 * What is made of all secrets of a sandbox to find them and their placeholders by. It is made anew
 * when a token is captured (secret/capture.h); what was there before stays as long as an exchange
 * may have a stage that uses it.
 *
 *   a request's stages, a response's stages --are made--> use the newest generation
 *   a token --is captured--> a newer generation; those before that nobody uses are released
 *
 * At most GENERATIONS_MAX are there at once: if requests that go on for long use so many, no token
 * can be captured until one of them has ended.
 */
#ifndef PROXY_ENGINE_GENERATION_H
#define PROXY_ENGINE_GENERATION_H

#include "base/error.h"
#include "base/list.h"
#include "base/slice.h"

struct policy_secret;
struct sandbox;
struct secret_plan;

enum { GENERATIONS_MAX = 16 };

struct generation {
	struct list node; /* of the sandbox's, oldest first */
	struct list uses;
	struct scanner *scanner;
	struct finder *finder;
	struct scrubber *field_scrubber;
	struct scrubber *body_scrubber; /* may be the same */
};

/* Stages of an exchange use a generation, and its plan says what was put into its request. Starts
 * as zeroes. */
struct generation_use {
	struct list node;
	struct generation *generation;
	const struct secret_plan *plan;
};

/* The sandbox's first: its secrets are sealed. 0 or a negative code with ERR. */
int generation_begin(struct sandbox *sandbox, struct error *err);

/* Releases all. No exchange is left. */
void generation_end_all(struct sandbox *sandbox);

/* USE is of the newest generation from now on. The stages that were made for it before are gone, or
 * will do no more steps. */
void generation_use(struct sandbox *sandbox, struct generation_use *use,
		    const struct secret_plan *plan);

/* All of its stages are gone. */
void generation_leave(struct sandbox *sandbox, struct generation_use *use);

/* Captures TOKEN, which a server gave out for SECRET. The placeholder that stands for it; ptr is
 * NULL with ERR when it cannot be. */
struct slice generation_capture(struct sandbox *sandbox, const struct policy_secret *secret,
				struct slice token, struct error *err);

#endif
