#include "policy/variable.h"

static const char *const reserved[] = {
	/* The session. */
	"HOME", "HOSTNAME", "LANG", "LANGUAGE", "LOGNAME", "OLDPWD", "PATH", "PWD", "SHELL",
	"SHLVL", "TERM", "TMPDIR", "TZ", "USER", "_",
	/* What a shell or loader obeys. */
	"BASH_ENV", "ENV", "IFS", "PS4", "PROMPT_COMMAND", "GCONV_PATH", "GLIBC_TUNABLES",
	"LOCPATH", "NLSPATH", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS",
	/* What a runtime loads before the program. */
	"NODE_OPTIONS", "NODE_PATH", "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PERL5LIB",
	"PERL5OPT", "RUBYLIB", "RUBYOPT", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS",
	"CLASSPATH",
	/* Trust stores, which point at the sandbox's own authority. */
	"AWS_CA_BUNDLE", "CARGO_HTTP_CAINFO", "CURL_CA_BUNDLE", "DENO_CERT", "DENO_TLS_CA_STORE",
	"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "NIX_SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "PIP_CERT",
	"REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE",
	/* Proxies. */
	"ALL_PROXY", "FTP_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "all_proxy", "ftp_proxy",
	"http_proxy", "https_proxy", "no_proxy"};

static const char *const reserved_prefixes[] = {"BASH_FUNC_", "DYLD_", "LC_", "LD_", "SALLYPORT_"};

bool variable_is_name(struct slice name)
{
	if (name.len == 0 || name.len > VARIABLE_NAME_MAX || ascii_is_digit(name.ptr[0]))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (!ascii_is_alnum(name.ptr[i]) && name.ptr[i] != '_')
			return false;
	}
	return true;
}

bool variable_is_reserved(struct slice name)
{
	if (slice_is_one_of(name, reserved, sizeof(reserved) / sizeof(reserved[0])))
		return true;
	for (size_t i = 0; i < sizeof(reserved_prefixes) / sizeof(reserved_prefixes[0]); i++) {
		if (slice_starts_with(name, slice_from_text(reserved_prefixes[i])))
			return true;
	}
	return false;
}
