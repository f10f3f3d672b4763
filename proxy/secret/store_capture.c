/* Tokens that servers gave out, as entries of the store. */
#include "base/error.h"
#include "policy/placeholder.h"
#include "proxy/secret/store.h"

static const struct secret_entry *find_known(const struct secret_store *store, struct slice token)
{
	for (size_t i = 0; i < store->count; i++) {
		const struct secret_entry *entry = &store->entries[i];

		if (slice_equal(entry->value, token) || slice_equal(entry->placeholder, token))
			return entry;
	}
	return NULL;
}

static int check(const struct policy_secret *secret, struct slice token, struct error *err)
{
	int rc = secret_check_value(secret, token, err);

	if (rc == 0 && token.len < FIND_VALUE_MIN_BYTES)
		rc = error_set(err, ERROR_LIMIT,
			       "secret %s: a new token is too short to be told from other text",
			       secret->name);
	if (rc == 0 && token.len > SECRET_CAPTURED_MAX_BYTES)
		rc = error_set(err, ERROR_LIMIT,
			       "secret %s: a new token has %zu bytes, more than the %d that are "
			       "supported",
			       secret->name, token.len, SECRET_CAPTURED_MAX_BYTES);
	return rc;
}

static struct slice new_placeholder(struct slice token, char *room)
{
	ssize_t length = placeholder_from_secret(token, room, SECRET_CAPTURED_MAX_BYTES);

	if (length < 0)
		length = placeholder_from_template(SLICE_LITERAL("captured-{random:48}"), room,
						   SECRET_CAPTURED_MAX_BYTES);
	return slice_of(room, (size_t)length);
}

static struct secret_entry *put(struct secret_store *store, const struct policy_secret *secret,
				struct slice token)
{
	size_t at = store->captured++ % SECRET_CAPTURED_MAX;
	struct secret_entry *entry = &store->entries[store->fixed_count + at];
	char *room = store->captured_values.bytes + at * SECRET_CAPTURED_MAX_BYTES;

	explicit_bzero(room, SECRET_CAPTURED_MAX_BYTES);
	memcpy(room, token.ptr, token.len);
	*entry = (struct secret_entry){
		.policy = secret,
		.placeholder = new_placeholder(token, store->captured_placeholders +
							      at * SECRET_CAPTURED_MAX_BYTES),
		.value = slice_of(room, token.len),
	};
	if (store->count == store->fixed_count + at)
		store->count++;
	return entry;
}

const struct secret_entry *secret_store_capture(struct secret_store *store,
						const struct policy_secret *secret,
						struct slice token, struct secret_old *old,
						struct error *err)
{
	const struct secret_entry *known = find_known(store, token);
	struct secret_entry *entry;

	*old = (struct secret_old){store->scanner, store->finder};
	if (known || check(secret, token, err) < 0)
		return known;
	entry = put(store, secret, token);
	if (secret_store_index(store, err) == 0)
		return entry;
	/* The old ones go on; what they find there is inert. */
	scanner_free(store->scanner);
	store->scanner = old->scanner;
	store->finder = old->finder;
	entry->value = entry->placeholder;
	return NULL;
}
