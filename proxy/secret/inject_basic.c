/* Secrets in Basic credentials (RFC 7617). */
#include "base/base64.h"
#include "base/error.h"
#include "proxy/secret/inject_room.h"

static const struct slice scheme = SLICE_LITERAL("Basic ");

bool basic_decode(struct slice value, char *out, size_t size, struct slice *decoded)
{
	struct slice blob;
	ssize_t len;

	if (!slice_starts_with_nocase(value, scheme))
		return false;
	blob = slice_trim(slice_from(value, scheme.len));
	if (blob.len / 4 * 3 > size)
		return false;
	len = base64_decode(blob, out);
	if (len < 0)
		return false;
	*decoded = slice_of(out, (size_t)len);
	return true;
}

/* Both parts of DECODED by OWNER, with the colon between them. */
static int rewrite_parts(const struct slots_owner *owner, struct slice name, struct slice decoded,
			 struct secret_output *out)
{
	const struct slots_place user = {.kind = POLICY_SLOT_BASIC_USER, .name = name};
	const struct slots_place password = {.kind = POLICY_SLOT_BASIC_PASSWORD, .name = name};
	size_t colon = slice_find_char(decoded, ':');
	int rc = slots_rewrite_text(owner, &user, slice_first(decoded, colon), out);

	/* No placeholder has a colon at its front: it goes with the password. */
	return rc < 0 ? rc : slots_rewrite_text(owner, &password, slice_from(decoded, colon), out);
}

static int encode(struct slice decoded, struct arena *arena, struct slice *value)
{
	char *text = arena_alloc_bytes(arena, scheme.len + base64_encoded_length(decoded.len));

	if (!text)
		return -ENOMEM;
	memcpy(text, scheme.ptr, scheme.len);
	*value = slice_of(text, scheme.len + base64_encode(decoded, text + scheme.len));
	return 0;
}

int basic_plan(struct planner *planner, struct slice name, struct slice decoded,
	       struct slice *value)
{
	const struct slots_owner owner = planner_owner(planner);
	struct secret_output out;
	int rc;

	planner->strips = false;
	rc = rewrite_parts(&owner, name, decoded, NULL);
	if (rc < 0 || planner->error < 0 || !planner->strips)
		return rc < 0 ? rc : planner->error;
	out = (struct secret_output){arena_alloc_bytes(planner->arena, decoded.len + 1),
				     decoded.len, 0};
	if (!out.bytes)
		return -ENOMEM;
	rc = rewrite_parts(&owner, name, decoded, &out);
	return rc < 0 ? rc : encode(slice_of(out.bytes, out.length), planner->arena, value);
}

/* Decoding works in the back half of the scratch memory, and wipes it. */
int basic_apply(struct applier *applier, struct slice name, struct slice value)
{
	const struct slots_owner owner = applier_owner(applier);
	size_t quarter = SECRET_SCRATCH_BYTES / 4, length;
	struct secret_output plain = {applier->back, quarter, 0}, *out = &applier->out;
	struct slice decoded;
	int rc;

	if (!basic_decode(value, applier->back + quarter, quarter, &decoded))
		return ERROR_SYNTAX;
	rc = rewrite_parts(&owner, name, decoded, &plain);
	length = scheme.len + base64_encoded_length(plain.length);
	if (rc == 0 && out->size - out->length < length)
		rc = ERROR_LIMIT;
	if (rc == 0) {
		memcpy(out->bytes + out->length, scheme.ptr, scheme.len);
		base64_encode(slice_of(plain.bytes, plain.length),
			      out->bytes + out->length + scheme.len);
		out->length += length;
	}
	explicit_bzero(plain.bytes, plain.length);
	explicit_bzero(applier->back + quarter, decoded.len);
	return rc;
}
