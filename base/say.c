#include "base/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

enum { LINE_BYTES = 4096 };

static int say_fd = STDERR_FILENO;

void say_set_fd(int fd)
{
	say_fd = fd;
}

/* How many bytes TEXT, which is not at its end, begins with that may be shown as they are; 0: none.
 */
static size_t visible(struct slice text)
{
	char c = text.ptr[0];
	uint32_t code_point;
	size_t len = utf8_decode(text, &code_point);

	if (c == '\n' || c == '\t')
		return 1;
	return len && !utf8_is_unseen(code_point) ? len : 0;
}

static size_t copy_visible(char *out, size_t size, struct slice text)
{
	size_t used = 0;

	while (text.len && used + 5 < size) {
		size_t len = visible(text);

		if (len)
			memcpy(out + used, text.ptr, len);
		else
			snprintf(out + used, 5, "\\x%02x", (unsigned char)text.ptr[0]);
		used += len ? len : 4;
		text = slice_from(text, len ? len : 1);
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
	used += copy_visible(line + used, sizeof(line) - used, slice_from_text(text));
	line[used++] = '\n';
	ignored = write(say_fd, line, used);
	(void)ignored;
}
