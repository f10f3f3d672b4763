#include "proxy/audit/shown.h"

#include "base/utf8.h"

void shown_write(FILE *out, struct slice text)
{
	while (text.len) {
		uint32_t code;
		size_t len = utf8_decode(text, &code);

		if (len == 0 || code < 0x20 || code == 0x7f)
			fprintf(out, "\\x%02x", (unsigned char)text.ptr[0]);
		else if (utf8_is_unseen(code))
			fprintf(out, "\\u{%x}", code);
		else
			fwrite(text.ptr, 1, len, out);
		text = slice_from(text, len ? len : 1);
	}
}
