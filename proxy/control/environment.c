#include "proxy/control/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/bundle.h"

enum { ENVIRONMENT_BYTES = 4 << 20 };

extern char **environ;

/* Names that programs need and that hold no credential. "LC_" stands for all that begin so. */
static const char *const inherited[] = {
	"HOME",
	"LANG",
	"LANGUAGE",
	"LC_*",
	"LOGNAME",
	"PATH",
	"PWD",
	"SHELL",
	"SHLVL",
	"TERM",
	"TERMINFO",
	"TMPDIR",
	"TZ",
	"USER",
	/* How output should look. */
	"CLICOLOR",
	"CLICOLOR_FORCE",
	"COLORTERM",
	"COLUMNS",
	"EDITOR",
	"FORCE_COLOR",
	"LINES",
	"LS_COLORS",
	"NO_COLOR",
	"PAGER",
	"VISUAL",
	/* Where things are. */
	"CARGO_HOME",
	"GOPATH",
	"GOROOT",
	"JAVA_HOME",
	"LD_LIBRARY_PATH",
	"MANPATH",
	"NODE_PATH",
	"NVM_DIR",
	"PYTHONPATH",
	"RUSTUP_HOME",
	"VIRTUAL_ENV",
	"XDG_CACHE_HOME",
	"XDG_CONFIG_HOME",
	"XDG_DATA_HOME",
	"XDG_STATE_HOME",
	/* What kind of run this is. */
	"CI",
	"DEBIAN_FRONTEND",
	"MAKEFLAGS",
	"NODE_ENV",
	"SOURCE_DATE_EPOCH",
};

void environment_init(struct environment *environment)
{
	*environment = (struct environment){0};
	arena_init(&environment->arena, ENVIRONMENT_BYTES);
}

void environment_free(struct environment *environment)
{
	arena_free(&environment->arena);
}

static bool has_name(const char *entry, struct slice name)
{
	return strncmp(entry, name.ptr, name.len) == 0 && entry[name.len] == '=';
}

int environment_set(struct environment *environment, const char *name, struct slice value)
{
	struct slice wanted = slice_from_text(name);
	size_t size = wanted.len + 1 + value.len, at;
	char *entry = arena_alloc_bytes(&environment->arena, size + 1);

	if (!entry)
		return -ENOMEM;
	memcpy(entry, wanted.ptr, wanted.len);
	entry[wanted.len] = '=';
	memcpy(entry + wanted.len + 1, value.ptr, value.len);
	entry[size] = '\0';
	for (at = 0; at < environment->count; at++) {
		if (has_name(environment->list[at], wanted))
			break;
	}
	if (at == ENVIRONMENT_MAX)
		return -ENOMEM;
	environment->list[at] = entry;
	if (at == environment->count)
		environment->count++;
	return 0;
}

static bool is_inherited(struct slice name)
{
	for (size_t i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++) {
		struct slice known = slice_from_text(inherited[i]);

		if (slice_equal(known, name))
			return true;
		if (known.ptr[known.len - 1] == '*' &&
		    slice_starts_with(name, slice_first(known, known.len - 1)))
			return true;
	}
	return false;
}

int environment_inherit(struct environment *environment)
{
	for (char **entry = environ; *entry; entry++) {
		struct slice whole = slice_from_text(*entry);
		size_t end = slice_find_char(whole, '=');
		char name[256];

		if (end >= sizeof(name) || !is_inherited(slice_first(whole, end)))
			continue;
		memcpy(name, *entry, end);
		name[end] = '\0';
		if (environment_set(environment, name, slice_from(whole, end + 1)) < 0)
			return -ENOMEM;
	}
	return 0;
}

int environment_add_option(struct environment *environment, const char *option, struct error *err)
{
	const char *equals = strchr(option, '=');
	const char *value;
	char name[256];
	size_t len = equals ? (size_t)(equals - option) : strlen(option);

	if (len == 0 || len >= sizeof(name))
		return error_set(err, -EINVAL, "-e %s: expected NAME or NAME=VALUE", option);
	memcpy(name, option, len);
	name[len] = '\0';
	value = equals ? equals + 1 : getenv(name);
	if (!value)
		return error_set(err, -ENOENT,
				 "-e %s: the variable is not set; set it, or use %s=VALUE", name,
				 name);
	if (environment_set(environment, name, slice_from_text(value)) < 0)
		return error_set_code(err, -ENOMEM, "-e %s", name);
	return 0;
}

int environment_add_trust(struct environment *environment, const char *folder, bool java)
{
	static const char *const files[] = {
		[BUNDLE_FULL] = "ca-bundle.pem",
		[BUNDLE_CA] = "ca.pem",
		[BUNDLE_JAVA] = "ca.p12",
	};
	size_t count;
	const struct bundle_variable *variables = bundle_variables(&count);

	for (size_t i = 0; i < count; i++) {
		char path[512], value[2048];
		int length;

		if (variables[i].file == BUNDLE_JAVA && !java)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, files[variables[i].file]);
		length = bundle_variable_value(&variables[i], path, value, sizeof(value));
		if (length < 0 || environment_set(environment, variables[i].name,
						  slice_of(value, (size_t)length)) < 0)
			return -ENOMEM;
	}
	return 0;
}
