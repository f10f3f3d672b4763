/* Names under which servers take credentials. */
#include "proxy/secret/credentials_room.h"
#include "proxy/secret/field_name.h"

enum { FOLDED_BYTES = 64 };

#define N(text) SLICE_LITERAL(text)

/* Fields that their ends (below) do not tell. In small letters, with "-". */
static const struct slice fields[] = {
	N("authentication"),
	N("circle-token"),
	N("cf-access-client-id"),
	N("dd-application-key"),
	N("deploy-token"),
	N("fastly-key"),
	N("job-token"),
	N("ocp-apim-subscription-key"),
	N("openai-organization-key"),
	N("private-token"),
	N("proxy-authorization"),
	N("signature"),
	N("signature-input"),
	N("token"),
	N("x-amz-firehose-access-key"),
	N("x-appwrite-jwt"),
	N("x-appwrite-key"),
	N("x-auth"),
	N("x-auth-key"),
	N("x-auth-user-service-key"),
	N("x-aws-ec2-metadata-token"),
	N("x-buildkite-token"),
	N("x-consul-token"),
	N("x-emby-token"),
	N("x-figma-token"),
	N("x-functions-key"),
	N("x-gitlab-token"),
	N("x-honeycomb-team"),
	N("x-insert-key"),
	N("x-jfrog-art-api"),
	N("x-license-key"),
	N("x-mediabrowser-token"),
	N("x-nomad-token"),
	N("x-pan-key"),
	N("x-parse-master-key"),
	N("x-parse-session-token"),
	N("x-plex-token"),
	N("x-postmark-account-token"),
	N("x-postmark-server-token"),
	N("x-query-key"),
	N("x-rapidapi-key"),
	N("x-registry-auth"),
	N("x-registry-config"),
	N("x-sentry-auth"),
	N("x-shopify-storefront-access-token"),
	N("x-subscription-key"),
	N("x-subscription-token"),
	N("x-tableau-auth"),
	N("x-token"),
	N("x-vault-token"),
	N("x-zumo-auth"),
	N("x-zumo-master"),
};

/* And how the names of others end: X-Api-Key, X-Goog-Api-Key, xi-api-key, X-Amz-Security-Token,
 * CF-Access-Client-Secret, X-Serverless-Authorization ... Not "-token", for X-CSRF-Token is no
 * credential. */
static const struct slice field_ends[] = {
	N("access-key"),    N("access-token"),	 N("admin-secret"),
	N("api-key"),	    N("api-secret"),	 N("api-token"),
	N("apikey"),	    N("apisecret"),	 N("apitoken"),
	N("app-key"),	    N("auth-token"),	 N("authorization"),
	N("client-secret"), N("id-token"),	 N("jwt"),
	N("license-key"),   N("master-key"),	 N("password"),
	N("private-token"), N("refresh-token"),	 N("secret-key"),
	N("secret-token"),  N("security-token"), N("service-token"),
	N("session-token"), N("shared-secret"),	 N("user-token"),
};

static const struct slice parameters[] = {
	N("appkey"),
	N("apptoken"),
	N("auth"),
	N("auth-key"),
	N("feed-token"),
	N("hapikey"),
	N("job-token"),
	N("jsessionid"),
	N("key"),
	N("oauth-consumer-key"),
	N("oauth-token"),
	N("ocp-apim-subscription-key"),
	N("passwd"),
	N("pat"),
	N("phpsessid"),
	N("private-token"),
	N("pwd"),
	N("rss-token"),
	N("secret"),
	N("session-key"),
	N("sessionid"),
	N("sid"),
	N("subscription-key"),
	N("token"),
	N("user-credentials"),
};

/* Parts of addresses that somebody with a key has signed. */
static const struct slice signed_parameters[] = {
	N("awsaccesskeyid"),
	N("credential"),
	N("googleaccessid"),
	N("hmac"),
	N("jwt"),
	N("key-pair-id"),
	N("oauth-signature"),
	N("sig"),
	N("signature"),
	N("x-amz-credential"),
	N("x-amz-security-token"),
	N("x-amz-signature"),
	N("x-goog-credential"),
	N("x-goog-signature"),
};

static const struct slice parameter_ends[] = {
	N("access-key"),     N("access-token"),	 N("accesskey"),     N("accesstoken"),
	N("api-key"),	     N("api-secret"),	 N("api-token"),     N("apikey"),
	N("apisecret"),	     N("apitoken"),	 N("auth-token"),    N("authtoken"),
	N("authorization"),  N("bearer-token"),	 N("client-secret"), N("id-token"),
	N("license-key"),    N("password"),	 N("refresh-token"), N("secret-key"),
	N("security-token"), N("session-token"), N("user-token"),
};

/* What keys of well-known makers begin with. */
static const struct slice key_starts[] = {
	N("sk-"),   N("sk_"),	N("rk_"),  N("pk_live"),     N("ghp_"),	  N("gho_"),
	N("ghu_"),  N("ghs_"),	N("ghr_"), N("github_pat_"), N("glpat-"), N("xoxb-"),
	N("xoxp-"), N("xapp-"), N("hf_"),  N("npm_"),	     N("pypi-"),  N("AKIA"),
	N("ASIA"),  N("AIza"),	N("eyJ"),  N("dop_v1_"),     N("shpat_"), N("SG."),
	N("key-"),  N("gsk_"),	N("r8_"),  N("xai-"),	     N("ya29."),
};

/* The end of NAME, folded, which is all that counts; whether there is more of it. */
struct folded {
	char text[FOLDED_BYTES];
	size_t length;
	bool is_end;
};

static void fold(struct slice name, struct folded *folded)
{
	folded->is_end = name.len > sizeof(folded->text);
	if (folded->is_end)
		name = slice_from(name, name.len - sizeof(folded->text));
	folded->length = name.len;
	for (size_t i = 0; i < name.len; i++)
		folded->text[i] = field_name_fold(name.ptr[i]);
}

static bool is_listed(const struct folded *name, const struct slice names[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i].len == name->length && !name->is_end &&
		    memcmp(name->text, names[i].ptr, names[i].len) == 0)
			return true;
	}
	return false;
}

static bool ends_as(const struct folded *name, const struct slice ends[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = ends[i].len;

		if (name->length >= length &&
		    memcmp(name->text + name->length - length, ends[i].ptr, length) == 0)
			return true;
	}
	return false;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool credential_is_field(struct slice name)
{
	struct folded folded;

	fold(name, &folded);
	return is_listed(&folded, fields, COUNT(fields)) ||
	       ends_as(&folded, field_ends, COUNT(field_ends));
}

bool credential_is_parameter(struct slice name, bool reads)
{
	struct folded folded;

	fold(name, &folded);
	if (is_listed(&folded, signed_parameters, COUNT(signed_parameters)))
		return !reads;
	return is_listed(&folded, parameters, COUNT(parameters)) ||
	       ends_as(&folded, parameter_ends, COUNT(parameter_ends));
}

bool credential_looks_like_key(struct slice text)
{
	for (size_t i = 0; i < COUNT(key_starts); i++) {
		if (slice_starts_with_nocase(text, key_starts[i]))
			return true;
	}
	return false;
}
