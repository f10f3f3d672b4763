#include <libpsl.h>

#include "policy/target.h"

/* Names that are no public suffixes themselves, and below which some are: a wildcard there takes in
 * what anybody can get. */
static const char *const above_shared[] = {
	"amazonaws.com",
	"amazonaws.com.cn",
	"core.windows.net",
	"windows.net",
	"azure.com",
	"azure.net",
	"openai.azure.com",
	"cognitiveservices.azure.com",
	"services.ai.azure.com",
	"googleapis.com",
	"googleusercontent.com",
	"cloudflarestorage.com",
	"digitaloceanspaces.com",
	"backblazeb2.com",
	"wasabisys.com",
	"aliyuncs.com",
	"myqcloud.com",
};

/* Hosts on which the first segment of the path says whose bucket it is. */
static const char *const shared_storage[] = {
	"s3.amazonaws.com",
	"storage.googleapis.com",
	"storage.cloud.google.com",
};

#define IS_LISTED(name, list) slice_is_one_of(name, list, sizeof(list) / sizeof((list)[0]))

/* The list that is built into the library: the verdict on a policy must not depend on files that
 * happen to lie on a host. */
static bool is_suffix(const struct host *host, int kind)
{
	return psl_is_public_suffix2(psl_builtin(), host->text, kind) == 1;
}

/* Of what is about one network: no registry hands out more than this to anybody. */
static unsigned int fewest_bits(const struct policy_cidr *range)
{
	return range->address_bytes == 4 ? 8 : 16;
}

enum target_width target_width(const struct policy_target *target)
{
	struct slice name = host_slice(&target->host);

	if (target->any_host)
		return TARGET_EVERYTHING;
	if (target->is_range && target->range.prefix_bits < fewest_bits(&target->range))
		return TARGET_RANGE;
	if (!target->wildcard)
		return TARGET_NARROW;
	if (slice_find_char(name, '.') == name.len || is_suffix(&target->host, PSL_TYPE_ICANN))
		return TARGET_SUFFIX;
	if (is_suffix(&target->host, PSL_TYPE_PRIVATE) || IS_LISTED(name, above_shared))
		return TARGET_SHARED;
	return TARGET_NARROW;
}

/* "s3.eu-west-1.amazonaws.com" and "s3-eu-west-1.amazonaws.com" */
static bool is_regional_s3(struct slice name)
{
	return slice_starts_with(name, SLICE_LITERAL("s3")) && name.len > 2 &&
	       (name.ptr[2] == '.' || name.ptr[2] == '-') &&
	       slice_ends_with(name, SLICE_LITERAL(".amazonaws.com"));
}

/* Whether the glob's first segment is open: a star comes before the second slash. */
static bool has_open_bucket(const struct path_glob *path)
{
	struct slice bucket = slice_from(path->text, 1);

	bucket = slice_first(bucket, slice_find_char(bucket, '/'));
	return slice_find_char(bucket, '*') < bucket.len;
}

bool target_is_shared_storage(const struct policy_target *target)
{
	struct slice name = host_slice(&target->host);

	if (target->any_host || target->wildcard || !has_open_bucket(&target->path))
		return false;
	return IS_LISTED(name, shared_storage) || is_regional_s3(name);
}
