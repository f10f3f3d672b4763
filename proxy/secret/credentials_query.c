#include "base/error.h"
#include "policy/slot.h"
#include "proxy/secret/credentials_room.h"
#include "proxy/secret/field_name.h"
#include "proxy/secret/percent.h"

enum {
	NAME_MAX_BYTES = 3 * SLOT_NAME_MAX_BYTES,
	DECODINGS = 3,
};

/* The name of PARAMETER as the laxest server reads it, in MEMORY. A longer one is cut: no name is
 * so long. */
static struct slice lax_name(struct slice parameter, char memory[NAME_MAX_BYTES])
{
	struct slice name = slice_first(parameter, slice_find_char(parameter, '='));
	size_t used = 0;

	name = slice_first(name, NAME_MAX_BYTES);
	for (int i = 0; i < DECODINGS; i++)
		name = slice_of(memory, percent_decode(name, true, memory));
	for (size_t i = 0; i < name.len; i++) {
		if ((unsigned char)memory[i] > ' ' || (memory[i] == ' ' && used))
			memory[used++] = memory[i];
	}
	name = slice_of(memory, used);
	return slice_trim(slice_first(name, slice_find_char(name, '[')));
}

static bool reads(const struct http_message *message)
{
	return slice_equal(message->method, SLICE_LITERAL("GET")) ||
	       slice_equal(message->method, SLICE_LITERAL("HEAD"));
}

static bool is_credential(const struct secret_plan *plan, struct slice parameter, bool is_read)
{
	char memory[NAME_MAX_BYTES];
	struct slice name = lax_name(parameter, memory);

	if (slice_find_char(parameter, '=') + 1 >= parameter.len)
		return false; /* nothing stands in it */
	return credential_is_parameter(name, is_read) ||
	       credential_is_slot(plan, POLICY_SLOT_QUERY, name);
}

/* One between ampersands: all of it must be the placeholder of its slot. */
static bool is_ours(const struct secret_plan *plan, struct slice parameter)
{
	size_t equals = slice_find_char(parameter, '=');
	struct slice name = slice_first(parameter, equals);
	char memory[NAME_MAX_BYTES];

	if (name.len > sizeof(memory))
		return false;
	name = slice_of(memory, percent_decode(name, true, memory));
	return credential_is_planned(plan, NULL, POLICY_SLOT_QUERY, name,
				     slice_from(parameter, equals + 1));
}

/* Whether a credential is in PARAMETER, which stands between ampersands: some servers take what is
 * behind a semicolon for another one. */
static bool holds_credential(const struct secret_plan *plan, struct slice parameter, bool is_read)
{
	struct slice rest = parameter, part;

	while (slice_next_part(&rest, ';', &part)) {
		if (is_credential(plan, part, is_read))
			return true;
	}
	return is_credential(plan, parameter, is_read);
}

struct slice credential_find_parameter(const struct secret_plan *plan,
				       const struct http_message *message)
{
	struct slice rest = slice_from(message->query, 1), parameter;
	bool is_read = reads(message);

	while (rest.len && slice_next_part(&rest, '&', &parameter)) {
		if (holds_credential(plan, parameter, is_read) && !is_ours(plan, parameter))
			return slice_first(parameter, slice_find_char(parameter, '='));
	}
	return SLICE_EMPTY;
}

int credential_strip_query(const struct secret_plan *plan, struct http_message *message)
{
	struct slice query = message->query, rest = slice_from(query, 1), parameter;
	bool is_read = reads(message);
	size_t used = 0;
	char *kept;

	if (query.len < 2)
		return 0;
	kept = arena_alloc_bytes(message->arena, query.len + 1);
	if (!kept)
		return -ENOMEM;
	while (slice_next_part(&rest, '&', &parameter)) {
		if (holds_credential(plan, parameter, is_read))
			continue;
		kept[used] = used ? '&' : '?';
		memcpy(kept + used + 1, parameter.ptr, parameter.len);
		used += parameter.len + 1;
	}
	if (used < query.len)
		message->query = slice_of(kept, used);
	return 0;
}
