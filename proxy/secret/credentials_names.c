/* Names under which servers take credentials. */
#include "base/base64.h"
#include "proxy/secret/credentials_room.h"
#include "proxy/secret/field_name.h"

/* Fields that their ends (below) do not tell. In small letters, with "-". */
static const char *const fields[] = {
	"authentication",
	"circle-token",
	"cf-access-client-id",
	"dd-application-key",
	"deploy-token",
	"fastly-key",
	"job-token",
	"ocp-apim-subscription-key",
	"openai-organization-key",
	"private-token",
	"proxy-authorization",
	"signature",
	"signature-input",
	"token",
	"x-amz-firehose-access-key",
	"x-appwrite-jwt",
	"x-appwrite-key",
	"x-auth",
	"x-auth-key",
	"x-auth-user-service-key",
	"x-aws-ec2-metadata-token",
	"x-buildkite-token",
	"x-consul-token",
	"x-emby-token",
	"x-figma-token",
	"x-functions-key",
	"x-gitlab-token",
	"x-honeycomb-team",
	"x-insert-key",
	"x-jfrog-art-api",
	"x-license-key",
	"x-mediabrowser-token",
	"x-nomad-token",
	"x-pan-key",
	"x-parse-master-key",
	"x-parse-session-token",
	"x-plex-token",
	"x-postmark-account-token",
	"x-postmark-server-token",
	"x-query-key",
	"x-rapidapi-key",
	"x-registry-auth",
	"x-registry-config",
	"x-sentry-auth",
	"x-shopify-storefront-access-token",
	"x-subscription-key",
	"x-subscription-token",
	"x-tableau-auth",
	"x-token",
	"x-vault-token",
	"x-zumo-auth",
	"x-zumo-master",
};

/* And how the names of others end: X-Api-Key, X-Goog-Api-Key, xi-api-key, X-Amz-Security-Token,
 * CF-Access-Client-Secret, X-Serverless-Authorization ... Not "-token", for X-CSRF-Token is no
 * credential. */
static const char *const field_ends[] = {
	"access-key",	 "access-token",  "admin-secret",   "api-key",	     "api-secret",
	"api-token",	 "apikey",	  "apisecret",	    "apitoken",	     "app-key",
	"auth-token",	 "authorization", "client-secret",  "id-token",	     "jwt",
	"license-key",	 "master-key",	  "password",	    "private-token", "refresh-token",
	"secret-key",	 "secret-token",  "security-token", "service-token", "session-token",
	"shared-secret", "user-token",
};

static const char *const parameters[] = {
	"appkey",
	"apptoken",
	"auth",
	"auth-key",
	"awsaccesskeyid",
	"credential",
	"feed-token",
	"googleaccessid",
	"hapikey",
	"hmac",
	"job-token",
	"jwt",
	"jsessionid",
	"key",
	"oauth-consumer-key",
	"oauth-signature",
	"oauth-token",
	"ocp-apim-subscription-key",
	"passwd",
	"pat",
	"phpsessid",
	"private-token",
	"pwd",
	"rss-token",
	"secret",
	"session-key",
	"sessionid",
	"sid",
	"sig",
	"signature",
	"subscription-key",
	"token",
	"user-credentials",
	"x-amz-credential",
	"x-amz-signature",
	"x-goog-credential",
	"x-goog-signature",
};

static const char *const parameter_ends[] = {
	"access-key",	  "access-token",  "accesskey",	    "accesstoken",   "api-key",
	"api-secret",	  "api-token",	   "apikey",	    "apisecret",     "apitoken",
	"auth-token",	  "authtoken",	   "authorization", "bearer-token",  "client-secret",
	"id-token",	  "license-key",   "password",	    "refresh-token", "secret-key",
	"security-token", "session-token", "user-token",
};

/* What keys of well-known makers begin with. */
static const char *const key_starts[] = {
	"sk-",	 "sk_",		"rk_",	  "pk_live", "ghp_",  "gho_",	 "ghu_",   "ghs_",
	"ghr_",	 "github_pat_", "glpat-", "xoxb-",   "xoxp-", "xapp-",	 "hf_",	   "npm_",
	"pypi-", "AKIA",	"ASIA",	  "AIza",    "eyJ",   "dop_v1_", "shpat_", "SG.",
	"key-",	 "gsk_",	"r8_",	  "xai-",    "ya29.",
};

static bool is_listed(struct slice name, const char *const names[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (field_name_is_read_as(name, slice_from_text(names[i])))
			return true;
	}
	return false;
}

static bool ends_as(struct slice name, const char *const ends[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct slice end = slice_from_text(ends[i]);

		if (name.len >= end.len &&
		    field_name_is_read_as(slice_from(name, name.len - end.len), end))
			return true;
	}
	return false;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool credential_is_field(struct slice name)
{
	return is_listed(name, fields, COUNT(fields)) ||
	       ends_as(name, field_ends, COUNT(field_ends));
}

bool credential_is_parameter(struct slice name)
{
	return is_listed(name, parameters, COUNT(parameters)) ||
	       ends_as(name, parameter_ends, COUNT(parameter_ends));
}

bool credential_looks_like_key(struct slice text)
{
	for (size_t i = 0; i < COUNT(key_starts); i++) {
		if (slice_starts_with_nocase(text, slice_from_text(key_starts[i])))
			return true;
	}
	return false;
}
