#include "base/error.h"
#include "proxy/secret/credentials_room.h"

static bool is_ours(const struct secret_plan *plan, const struct http_field *field,
		    struct slice pair)
{
	size_t equals = slice_find_char(pair, '=');
	struct slice name = slice_trim(slice_first(pair, equals));
	struct slice value = slice_trim(slice_from(pair, equals + 1));

	if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
		value = slice_of(value.ptr + 1, value.len - 2);
	return credential_is_planned(plan, field->name.ptr, POLICY_SLOT_COOKIE, name, value);
}

int credential_keep_cookies(const struct secret_plan *plan, const struct http_field *field,
			    struct arena *arena, struct slice *value)
{
	struct slice rest = field->value, pair;
	char *kept = arena_alloc_bytes(arena, field->value.len + 2);
	size_t used = 0;
	bool all = true;

	if (!kept)
		return -ENOMEM;
	while (slice_next_part(&rest, ';', &pair)) {
		if (!is_ours(plan, field, pair)) {
			all = false;
			continue;
		}
		if (used) {
			memcpy(kept + used, "; ", 2);
			used += 2;
		}
		pair = slice_trim(pair);
		memcpy(kept + used, pair.ptr, pair.len);
		used += pair.len;
	}
	*value = all ? field->value : slice_of(kept, used);
	return 0;
}
