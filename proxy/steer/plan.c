#include "proxy/steer/plan.h"

#include <string.h>

enum { NAME_MAX_BYTES = 63 };

static int check_count(size_t count, const char *what, struct error *err)
{
	if (count <= STEER_PATHS_MAX)
		return 0;
	return error_set(err, ERROR_LIMIT, "%zu %s are more than the %d that a sandbox may have",
			 count, what, STEER_PATHS_MAX);
}

static int check_paths(const char *const *paths, size_t count, const char *what, struct error *err)
{
	int rc = check_count(count, what, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (paths[i][0] != '/')
			rc = error_set(err, -EINVAL, "\"%s\" among the %s is not an absolute path",
				       paths[i], what);
	}
	return rc;
}

/* What a host name may hold, dots excepted: what follows one is taken for a domain to search. */
static bool is_name(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (!ascii_is_alnum(text[i]) && text[i] != '-')
			return false;
	}
	return len > 0 && len <= NAME_MAX_BYTES;
}

static int check_files(const struct steer_plan *plan, struct error *err)
{
	int rc = check_count(plan->file_count, "files", err);

	for (size_t i = 0; rc == 0 && i < plan->file_count; i++) {
		const char *name = plan->files[i].name;

		if (!name[0] || name[0] == '.' || strchr(name, '/') || strlen(name) > 255)
			rc = error_set(err, -EINVAL, "\"%s\" cannot be the name of a file in %s",
				       name, STEER_RUNTIME_DIR);
	}
	return rc;
}

static bool has_file(const struct steer_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->file_count; i++) {
		if (strcmp(plan->files[i].name, name) == 0)
			return true;
	}
	return false;
}

static int check_overlays(const struct steer_plan *plan, struct error *err)
{
	int rc = check_count(plan->overlay_count, "overlays", err);

	for (size_t i = 0; rc == 0 && i < plan->overlay_count; i++) {
		const struct steer_overlay *overlay = &plan->overlays[i];

		if (!has_file(plan, overlay->file))
			rc = error_set(err, -EINVAL, "the file \"%s\" to put over %s is not there",
				       overlay->file, overlay->path);
		else
			rc = check_paths(&overlay->path, 1, "overlays", err);
	}
	return rc;
}

int plan_check(const struct steer_plan *plan, struct error *err)
{
	int rc;

	if (!plan->argv || !plan->argv[0] || !plan->argv[0][0])
		return error_set(err, -EINVAL, "there is no command to run");
	if (!plan->sandbox || !is_name(plan->sandbox))
		return error_set(err, -EINVAL,
				 "\"%s\" cannot be a sandbox's name: letters, digits and '-', at "
				 "most %d",
				 plan->sandbox ? plan->sandbox : "", NAME_MAX_BYTES);
	rc = check_files(plan, err);
	if (rc == 0)
		rc = check_overlays(plan, err);
	if (rc == 0)
		rc = check_paths(plan->masked, plan->masked_count, "masked places", err);
	if (rc == 0)
		rc = check_paths(plan->read_only, plan->read_only_count, "read-only places", err);
	if (rc == 0 && plan->datagram_port_count > STEER_PORTS_MAX)
		rc = error_set(err, ERROR_LIMIT, "%zu ports for datagrams are more than %d",
			       plan->datagram_port_count, STEER_PORTS_MAX);
	return rc;
}
