#include "policy/load_target.h"

#include "base/error.h"

/* A rule for "/a%2Fb" alone allows nothing, as "/a/b" would have to be allowed too. */
static void warn_of_readings(struct loader *loader, const struct policy_target *target)
{
	struct arena scratch;
	struct path path;
	const char *why;
	int rc;

	arena_init(&scratch, (size_t)PATH_GLOB_MAX_BYTES * 2 * PATH_READINGS_MAX);
	rc = path_canonicalise(target->path.text, &scratch, &path, &why);
	if (rc == -ENOMEM)
		loader->error = rc;
	else if (rc == 0 && !path_glob_match_all(&target->path, &path))
		loader_warn(loader, target->place, "add targets for the other ways to read it",
			    "servers read this path in %zu ways, and a request is allowed only if "
			    "all of them are",
			    path.reading_count);
	arena_free(&scratch);
}

static void warn_of_surprises(struct loader *loader, const struct policy_target *target,
			      enum target_role role)
{
	if (role != TARGET_DENY && slice_equal(target->path.text, SLICE_LITERAL("/")))
		loader_warn(loader, target->place, "for everything on the host end it in /**",
			    "this is the path \"/\" alone");
	if (role == TARGET_ALLOW && target_is_shared_storage(target))
		loader_warn(loader, target->place, "name the bucket: https://HOST/BUCKET/**",
			    "everybody's buckets are on this host, and this allows them all");
	if (role != TARGET_DENY)
		warn_of_readings(loader, target);
}

bool load_target(struct loader *loader, const struct yaml_node *node, enum target_role role,
		 struct policy_target *target)
{
	struct target_fault fault;
	struct slice text = loader_copy(loader, node->text);

	if (!text.ptr)
		return false;
	target->place = node->place;
	if (target_parse(text, role, target, &fault) < 0) {
		loader_report(loader, yaml_place_within(node, fault.offset, fault.length),
			      fault.hint, "%s", fault.text);
		return false;
	}
	warn_of_surprises(loader, target, role);
	return true;
}

void load_refuse_width(struct loader *loader, const struct policy_target *target)
{
	if (target_width(target) != TARGET_NARROW)
		loader_report(loader, target->place, "name the hosts that need the secret",
			      "anybody can get a name that this matches, and would be given the "
			      "secret");
}
