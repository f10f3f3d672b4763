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

/* A room for one more; SECRET_CAPTURED_MAX: all are in use. */
static size_t find_room(struct secret_store *store, uint64_t in_use)
{
	_Static_assert(SECRET_CAPTURED_MAX == 64, "each has a bit for its mark");

	for (size_t i = 0; i < SECRET_CAPTURED_MAX; i++) {
		size_t at = (store->captured + i) % SECRET_CAPTURED_MAX;

		if (in_use >> at & 1)
			continue;
		store->captured += i + 1;
		return at;
	}
	return SECRET_CAPTURED_MAX;
}

static struct secret_entry *put(struct secret_store *store, const struct policy_secret *secret,
				struct slice token, size_t at)
{
	struct secret_entry *entry = &store->entries[store->fixed_count + at];
	char *room = store->captured_values.bytes + at * SECRET_CAPTURED_MAX_BYTES;

	explicit_bzero(room, SECRET_CAPTURED_MAX_BYTES);
	memcpy(room, token.ptr, token.len);
	*entry = (struct secret_entry){
		.policy = secret,
		.placeholder = new_placeholder(token, store->captured_placeholders +
							      at * SECRET_CAPTURED_MAX_BYTES),
		.value = slice_of(room, token.len),
		.mark = (uint64_t)1 << at,
	};
	if (store->count == store->fixed_count + at)
		store->count++;
	return entry;
}

void secret_store_disarm(struct secret_store *store, const struct secret_entry *entry)
{
	struct secret_entry *own = &store->entries[entry - store->entries];

	own->value = own->placeholder;
}

void secret_store_take_back(struct secret_store *store, const struct secret_entry *entry,
			    struct scanner *scanner, struct finder *finder)
{
	scanner_free(store->scanner);
	finder_free(store->finder);
	store->scanner = scanner;
	store->finder = finder;
	secret_store_disarm(store, entry);
}

const struct secret_entry *secret_store_capture(struct secret_store *store,
						const struct policy_secret *secret,
						struct slice token, uint64_t in_use,
						struct error *err)
{
	const struct secret_entry *known = find_known(store, token), *entry;
	struct scanner *scanner = store->scanner;
	struct finder *finder = store->finder;
	size_t at;

	if (known || check(secret, token, err) < 0)
		return known;
	at = find_room(store, in_use);
	if (at == SECRET_CAPTURED_MAX) {
		error_set(err, ERROR_LIMIT,
			  "secret %s: all of the %d tokens that are kept are in use", secret->name,
			  SECRET_CAPTURED_MAX);
		return NULL;
	}
	entry = put(store, secret, token, at);
	if (secret_store_index(store, err) == 0)
		return entry;
	/* The old ones go on. */
	secret_store_take_back(store, entry, scanner, finder);
	return NULL;
}
