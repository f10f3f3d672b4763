#include "proxy/engine/generation.h"

#include <stdlib.h>

#include "proxy/engine/sandbox.h"
#include "proxy/secret/inject.h"

/* A scrubber of all secrets whose setting is WANTED or stricter; NULL when there are none. */
static int make_scrubber(const struct sandbox *sandbox, enum policy_scrub wanted,
			 struct scrubber **scrubber, struct error *err)
{
	struct scrub_item items[POLICY_SECRETS_MAX + SECRET_CAPTURED_MAX];
	size_t count = 0;

	*scrubber = NULL;
	for (size_t i = 0; i < sandbox->secrets.count; i++) {
		const struct secret_entry *entry = &sandbox->secrets.entries[i];

		if (entry->policy->scrub <= wanted)
			items[count++] = (struct scrub_item){entry->value, entry->placeholder};
	}
	return count ? scrubber_create(items, count, scrubber, err) : 0;
}

static void release(struct generation *generation)
{
	list_remove(&generation->node);
	scanner_free(generation->scanner);
	finder_free(generation->finder);
	if (generation->body_scrubber != generation->field_scrubber)
		scrubber_free(generation->body_scrubber);
	scrubber_free(generation->field_scrubber);
	free(generation);
}

/* Mostly all secrets are scrubbed everywhere: then one serves both, as locked memory is scarce. */
static bool are_the_same(const struct sandbox *sandbox)
{
	for (size_t i = 0; i < sandbox->secrets.count; i++) {
		if (sandbox->secrets.entries[i].policy->scrub == POLICY_SCRUB_FIELDS)
			return false;
	}
	return true;
}

static int make_scrubbers(const struct sandbox *sandbox, struct generation *generation,
			  struct error *err)
{
	int rc = make_scrubber(sandbox, POLICY_SCRUB_FIELDS, &generation->field_scrubber, err);

	if (rc == 0 && are_the_same(sandbox))
		generation->body_scrubber = generation->field_scrubber;
	else if (rc == 0)
		rc = make_scrubber(sandbox, POLICY_SCRUB_ALL, &generation->body_scrubber, err);
	return rc;
}

static struct generation *new_generation(struct error *err)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (!generation) {
		error_set_code(err, -ENOMEM, "cannot prepare the secrets");
		return NULL;
	}
	list_init(&generation->node);
	list_init(&generation->uses);
	return generation;
}

static void make_newest(struct sandbox *sandbox, struct generation *generation)
{
	generation->scanner = sandbox->secrets.scanner;
	generation->finder = sandbox->secrets.finder;
	list_append(&sandbox->generations, &generation->node);
	sandbox->generation = generation;
	sandbox->field_scrubber = generation->field_scrubber;
	sandbox->body_scrubber = generation->body_scrubber;
}

int generation_begin(struct sandbox *sandbox, struct error *err)
{
	struct generation *first = new_generation(err);
	int rc;

	if (!first)
		return -ENOMEM;
	rc = make_scrubbers(sandbox, first, err);
	if (rc == 0)
		make_newest(sandbox, first);
	else
		release(first);
	return rc;
}

static struct generation *of_node(struct list *node)
{
	return container_of(node, struct generation, node);
}

static void sweep(struct sandbox *sandbox)
{
	list_for_each_safe(node, &sandbox->generations) {
		struct generation *generation = of_node(node);

		if (generation != sandbox->generation && list_is_empty(&generation->uses))
			release(generation);
	}
}

void generation_end_all(struct sandbox *sandbox)
{
	if (!sandbox->generation)
		return;
	/* The store releases its own. */
	sandbox->generation->scanner = NULL;
	sandbox->generation->finder = NULL;
	sandbox->generation = NULL;
	sandbox->field_scrubber = NULL;
	sandbox->body_scrubber = NULL;
	while (!list_is_empty(&sandbox->generations))
		release(of_node(sandbox->generations.next));
}

static void take_out(struct generation_use *use)
{
	if (use->generation)
		list_remove(&use->node);
	use->generation = NULL;
}

void generation_use(struct sandbox *sandbox, struct generation_use *use,
		    const struct secret_plan *plan)
{
	take_out(use);
	use->plan = plan;
	use->generation = sandbox->generation;
	list_append(&sandbox->generation->uses, &use->node);
	sweep(sandbox);
}

void generation_leave(struct sandbox *sandbox, struct generation_use *use)
{
	take_out(use);
	sweep(sandbox);
}

/* What is on its way to an origin, or may come back from one: only what is known is scrubbed. */
static uint64_t marks_in_use(const struct sandbox *sandbox, size_t *generations)
{
	uint64_t marks = 0;

	*generations = 0;
	list_for_each(node, &sandbox->generations) {
		++*generations;
		list_for_each(user, &of_node(node)->uses)
			marks |= container_of(user, struct generation_use, node)->plan->captured;
	}
	return marks;
}

static const struct secret_entry *capture(struct sandbox *sandbox,
					  const struct policy_secret *secret, struct slice token,
					  struct error *err)
{
	size_t generations;
	uint64_t marks = marks_in_use(sandbox, &generations);

	if (generations < GENERATIONS_MAX)
		return secret_store_capture(&sandbox->secrets, secret, token, marks, err);
	error_set(err, ERROR_LIMIT,
		  "secret %s: too many tokens were given out while other requests go on",
		  secret->name);
	return NULL;
}

struct slice generation_capture(struct sandbox *sandbox, const struct policy_secret *secret,
				struct slice token, struct error *err)
{
	struct slice placeholder = {NULL, 0};
	struct generation *before = sandbox->generation, *newest = new_generation(err);
	const struct secret_entry *entry = NULL;

	if (newest)
		entry = capture(sandbox, secret, token, err);
	if (!entry || sandbox->secrets.scanner == before->scanner) {
		free(newest);
		return entry ? entry->placeholder : placeholder;
	}
	if (make_scrubbers(sandbox, newest, err) < 0) {
		/* What could not be scrubbed is not let in. */
		secret_store_take_back(&sandbox->secrets, entry, before->scanner, before->finder);
		release(newest);
		return placeholder;
	}
	make_newest(sandbox, newest);
	sweep(sandbox);
	return entry->placeholder;
}
