#include "proxy/engine/generation.h"

#include <stdlib.h>

#include "proxy/engine/sandbox.h"

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
	scrubber_free(generation->field_scrubber);
	scrubber_free(generation->body_scrubber);
	free(generation);
}

static int make_scrubbers(const struct sandbox *sandbox, struct generation *generation,
			  struct error *err)
{
	int rc = make_scrubber(sandbox, POLICY_SCRUB_FIELDS, &generation->field_scrubber, err);

	if (rc == 0)
		rc = make_scrubber(sandbox, POLICY_SCRUB_ALL, &generation->body_scrubber, err);
	return rc;
}

static struct generation *new_generation(struct error *err)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (generation)
		list_init(&generation->node);
	else
		error_set_code(err, -ENOMEM, "cannot prepare the secrets");
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

static struct generation *oldest(struct sandbox *sandbox)
{
	return container_of(sandbox->generations.next, struct generation, node);
}

static void sweep(struct sandbox *sandbox)
{
	while (oldest(sandbox) != sandbox->generation && oldest(sandbox)->users == 0)
		release(oldest(sandbox));
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
		release(oldest(sandbox));
}

struct generation *generation_use(struct sandbox *sandbox)
{
	sandbox->generation->users++;
	return sandbox->generation;
}

void generation_leave(struct sandbox *sandbox, struct generation *generation)
{
	generation->users--;
	sweep(sandbox);
}

/* The scrubbers of the one before go on; it is released before the one that has them now. */
static void inherit_scrubbers(struct generation *generation, struct generation *before)
{
	scrubber_free(generation->field_scrubber);
	scrubber_free(generation->body_scrubber);
	generation->field_scrubber = before->field_scrubber;
	generation->body_scrubber = before->body_scrubber;
	before->field_scrubber = NULL;
	before->body_scrubber = NULL;
}

struct slice generation_capture(struct sandbox *sandbox, const struct policy_secret *secret,
				struct slice token, struct error *err)
{
	struct slice placeholder = {NULL, 0};
	struct generation *before = sandbox->generation, *newest = new_generation(err);
	const struct secret_entry *entry = NULL;

	if (newest)
		entry = secret_store_capture(&sandbox->secrets, secret, token, err);
	if (entry)
		placeholder = entry->placeholder;
	if (!entry || sandbox->secrets.scanner == before->scanner) {
		free(newest);
		return placeholder;
	}
	if (make_scrubbers(sandbox, newest, err) < 0) {
		/* What could not be scrubbed is not let in. */
		inherit_scrubbers(newest, before);
		secret_store_disarm(&sandbox->secrets, entry);
		placeholder.ptr = NULL;
	}
	make_newest(sandbox, newest);
	sweep(sandbox);
	return placeholder;
}
