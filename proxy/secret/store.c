#include "proxy/secret/store.h"

#include <stdlib.h>

#include "policy/slot.h"

enum { TEXTS_MAX_BYTES = 4 << 20 };

int secret_store_init(struct secret_store *store, struct error *err)
{
	*store = (struct secret_store){0};
	arena_init(&store->texts, TEXTS_MAX_BYTES);
	return locked_init(&store->values, SECRET_STORE_BYTES, err);
}

void secret_store_free(struct secret_store *store)
{
	scanner_free(store->scanner);
	finder_free(store->finder);
	locked_free(&store->values);
	locked_free(&store->captured_values);
	free(store->captured_placeholders);
	arena_free(&store->texts);
	*store = (struct secret_store){0};
}

int secret_check_value(const struct policy_secret *secret, struct slice value, struct error *err)
{
	struct slice where;
	const char *why;

	if (value.len == 0)
		return error_set(err, ERROR_CONFIG, "secret %s: the value is empty", secret->name);
	if (value.len > SECRET_VALUE_MAX_BYTES)
		return error_set(err, ERROR_LIMIT,
				 "secret %s: the value has %zu bytes, more than the %d that are "
				 "supported",
				 secret->name, value.len, SECRET_VALUE_MAX_BYTES);
	if (slot_check_secret(secret, value, &where, &why) < 0)
		return error_set(err, ERROR_CONFIG, "secret %s: for %.*s: %s", secret->name,
				 SLICE_ARGS(where), why);
	return 0;
}

int secret_store_add(struct secret_store *store, const struct policy_secret *secret,
		     struct slice placeholder, struct slice value, struct error *err)
{
	struct secret_entry *entry = &store->entries[store->count];
	char *copy;
	int rc = secret_check_value(secret, value, err);

	if (rc < 0)
		return rc;
	if (store->count == POLICY_SECRETS_MAX || placeholder.len < SCAN_PATTERN_MIN_BYTES)
		return error_set(err, ERROR_LIMIT, "secret %s: it cannot be stored", secret->name);
	copy = locked_alloc(&store->values, value.len);
	entry->placeholder = arena_copy(&store->texts, placeholder);
	if (!copy || !entry->placeholder.ptr)
		return error_set(err, -ENOMEM, "secret %s: no memory left for secrets",
				 secret->name);
	memcpy(copy, value.ptr, value.len);
	entry->value = slice_of(copy, value.len);
	entry->policy = secret;
	store->count++;
	return 0;
}

int secret_store_index(struct secret_store *store, struct error *err)
{
	struct slice patterns[POLICY_SECRETS_MAX + SECRET_CAPTURED_MAX];

	for (size_t i = 0; i < store->count; i++)
		patterns[i] = store->entries[i].placeholder;
	store->finder = NULL;
	store->scanner = scanner_create(patterns, store->count);
	if (!store->scanner)
		return error_set_code(err, -ENOMEM, "cannot prepare the secrets");
	return finder_create(patterns, store->count, FORMS_OF_PLACEHOLDER, false, &store->finder,
			     err);
}

static bool captures(const struct secret_store *store)
{
	for (size_t i = 0; i < store->count; i++) {
		if (store->entries[i].policy->capture)
			return true;
	}
	return false;
}

int secret_store_seal(struct secret_store *store, struct error *err)
{
	int rc = 0;

	store->fixed_count = store->count;
	if (captures(store)) {
		rc = locked_init(&store->captured_values,
				 (size_t)SECRET_CAPTURED_MAX * SECRET_CAPTURED_MAX_BYTES, err);
		store->captured_placeholders = calloc(SECRET_CAPTURED_MAX,
						      SECRET_CAPTURED_MAX_BYTES);
		if (rc == 0 && !store->captured_placeholders)
			rc = error_set_code(err, -ENOMEM, "cannot prepare the secrets");
	}
	return rc < 0 ? rc : secret_store_index(store, err);
}

const struct secret_entry *secret_store_entry(const struct secret_store *store,
					      const struct policy_secret *secret)
{
	for (size_t i = 0; i < store->count; i++) {
		if (store->entries[i].policy == secret)
			return &store->entries[i];
	}
	return NULL;
}

const struct secret_entry *secret_find(const struct secret_store *store, struct slice text,
				       size_t from, struct scan_hit *hit)
{
	if (!scanner_find(store->scanner, text, from, hit))
		return NULL;
	return &store->entries[hit->pattern];
}

static int put(struct secret_output *out, struct slice bytes)
{
	if (out->size - out->length < bytes.len)
		return ERROR_LIMIT;
	if (bytes.len)
		memcpy(out->bytes + out->length, bytes.ptr, bytes.len);
	out->length += bytes.len;
	return 0;
}

int secret_rewrite(const struct secret_store *store, struct slice text, secret_replace *replace,
		   void *context, struct secret_output *out)
{
	const struct secret_entry *entry;
	struct scan_hit hit;
	size_t done = 0;

	while ((entry = secret_find(store, text, done, &hit))) {
		struct slice replacement = slice_of(text.ptr + hit.start, hit.length);

		replace(context, entry, &replacement);
		if (put(out, slice_of(text.ptr + done, hit.start - done)) < 0 ||
		    put(out, replacement) < 0)
			return ERROR_LIMIT;
		done = hit.start + hit.length;
	}
	return put(out, slice_from(text, done));
}

static void put_name(struct secret_output *out, const struct secret_entry *entry)
{
	put(out, SLICE_LITERAL("{"));
	put(out, slice_from_text(entry->policy->name));
	put(out, SLICE_LITERAL("}"));
}

struct slice secret_redact(const struct secret_store *store, struct slice text, struct arena *arena)
{
	struct secret_output out;
	struct find_hit hit;
	size_t done = 0;

	if (!finder_find(store->finder, text, 0, true, &hit))
		return text;
	/* A name may be longer than its placeholder; the text is cut if it must be. */
	out = (struct secret_output){arena_alloc_bytes(arena, text.len * 2 + 256),
				     text.len * 2 + 256, 0};
	if (!out.bytes)
		return (struct slice){NULL, 0};
	do {
		put(&out, slice_of(text.ptr + done, hit.start - done));
		put_name(&out, &store->entries[hit.form->owner]);
		done = hit.start + hit.length;
	} while (finder_find(store->finder, text, done, true, &hit));
	put(&out, slice_from(text, done));
	return slice_of(out.bytes, out.length);
}
