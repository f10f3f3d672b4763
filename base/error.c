#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const own_names[] = {
	[ERROR_FIRST - ERROR_SYNTAX] = "not of the expected form",
	[ERROR_FIRST - ERROR_LIMIT] = "a limit was reached",
	[ERROR_FIRST - ERROR_INCOMPLETE] = "more is needed",
	[ERROR_FIRST - ERROR_EOF] = "the peer closed the connection",
	[ERROR_FIRST - ERROR_TRUNCATED] = "the peer ended in the middle",
	[ERROR_FIRST - ERROR_UNSUPPORTED] = "not supported",
	[ERROR_FIRST - ERROR_MISMATCH] = "two things that must agree do not",
	[ERROR_FIRST - ERROR_VERIFY] = "verification failed",
	[ERROR_FIRST - ERROR_CRYPTO] = "the TLS library failed",
	[ERROR_FIRST - ERROR_DENIED] = "denied by policy",
	[ERROR_FIRST - ERROR_CONFIG] = "wrong configuration",
	[ERROR_FIRST - ERROR_NOT_FOUND] = "not found",
	[ERROR_FIRST - ERROR_TIMEOUT] = "timed out",
};

_Static_assert(sizeof(own_names) / sizeof(own_names[0]) == ERROR_FIRST - ERROR_LAST + 1,
	       "every code of ours has a name");

const char *error_name(int code)
{
	if (code >= ERROR_LAST && code <= ERROR_FIRST)
		return own_names[ERROR_FIRST - code];
	if (code < 0 && code > -4096)
		return strerror(-code);
	return code == 0 ? "no error" : "unknown error";
}

static void mark_cut(char *text, size_t size)
{
	memcpy(text + size - 4, "...", 4);
}

__attribute__((format(printf, 3, 0))) static int set_text(struct error *err, int code,
							  const char *format, va_list args)
{
	int length;

	if (!err)
		return code;
	err->code = code;
	length = vsnprintf(err->text, sizeof(err->text), format, args);
	if (length >= (int)sizeof(err->text))
		mark_cut(err->text, sizeof(err->text));
	return code;
}

int error_set(struct error *err, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_text(err, code, format, args);
	va_end(args);
	return code;
}

int error_set_code(struct error *err, int code, const char *format, ...)
{
	va_list args;
	size_t used;

	va_start(args, format);
	set_text(err, code, format, args);
	va_end(args);
	if (!err)
		return code;
	used = strlen(err->text);
	if (snprintf(err->text + used, sizeof(err->text) - used, ": %s", error_name(code)) >=
	    (int)(sizeof(err->text) - used))
		mark_cut(err->text, sizeof(err->text));
	return code;
}

int error_wrap(struct error *err, int code, const char *format, ...)
{
	char inner[ERROR_TEXT_BYTES];
	va_list args;
	size_t used;

	if (!err)
		return code;
	memcpy(inner, err->text, sizeof(inner));
	va_start(args, format);
	set_text(err, err->code, format, args);
	va_end(args);
	used = strlen(err->text);
	if (snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner) >=
	    (int)(sizeof(err->text) - used))
		mark_cut(err->text, sizeof(err->text));
	return err->code;
}
