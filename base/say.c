#include "base/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 4096 };

static int say_fd = STDERR_FILENO;

void say_set_fd(int fd)
{
	say_fd = fd;
}

static size_t copy_visible(char *out, size_t size, const char *text)
{
	size_t used = 0;

	for (; *text && used + 5 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t')
			out[used++] = (char)c;
		else
			used += (size_t)snprintf(out + used, size - used, "\\x%02x", c);
	}
	return used;
}

void say(const char *format, ...)
{
	char text[LINE_BYTES], line[LINE_BYTES + 64] = "sallyport: ";
	size_t used = strlen(line);
	ssize_t ignored;
	va_list args;

	if (say_fd < 0)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	used += copy_visible(line + used, sizeof(line) - used, text);
	line[used++] = '\n';
	ignored = write(say_fd, line, used);
	(void)ignored;
}
