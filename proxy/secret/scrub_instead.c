#include "proxy/secret/scrub_instead.h"

static bool is_part(enum form_kind kind)
{
	return kind >= FORM_BASE64_0 && kind <= FORM_BASE64URL_2;
}

size_t scrub_form_bytes(const struct form *form, struct slice placeholder)
{
	return form->text.len + form_length(form->kind, placeholder);
}

size_t scrub_write_form(const struct form *form, struct slice placeholder, bool keep_length,
			char *out)
{
	size_t skipped = form->tail ? FORM_TAIL_BYTES : 0;
	size_t length = form_write(form->kind, placeholder, out);

	if (length <= skipped) {
		memset(out, '*', form->text.len);
		return form->text.len;
	}
	length -= skipped;
	memmove(out, out + skipped, length);
	if (!keep_length && !is_part(form->kind))
		return length;
	for (size_t i = length; i < form->text.len; i++)
		out[i] = out[i - length];
	return form->text.len;
}

size_t scrub_hit_bytes(struct slice text, struct slice instead)
{
	return text.len + instead.len * ESCAPE_WRITTEN_MAX_BYTES;
}

static bool is_break(const struct escape_unit *unit)
{
	return unit->count == 1 && (unit->bytes[0] == '\n' || unit->bytes[0] == '\r');
}

/* Each character as the one in its place is; those left over as the last one. */
static size_t write_spelled(const struct find_hit *hit, struct slice spelled, struct slice instead,
			    char *out)
{
	struct escape_unit unit = {0};
	size_t used = 0, next = 0, at = 0, length;

	while ((length = escape_read(hit->reading, spelled, at, true, &unit))) {
		if (hit->form->breaks && is_break(&unit)) {
			memcpy(out + used, spelled.ptr + at, length);
			used += length;
		} else if (next < instead.len) {
			used += escape_write(&unit, instead.ptr[next++], out + used);
		}
		at += length;
	}
	while (next < instead.len)
		used += escape_write(&unit, instead.ptr[next++], out + used);
	return used;
}

size_t scrub_write_hit(const struct find_hit *hit, struct slice text, struct slice instead,
		       bool keep_length, char *out)
{
	size_t used = instead.len;

	if (hit->spelled)
		used = write_spelled(hit, slice_first(text, hit->length), instead, out);
	else
		memcpy(out, instead.ptr, instead.len);
	if (keep_length && used != hit->length) {
		memset(out, '*', hit->length);
		used = hit->length;
	}
	memset(out + used, '*', text.len - hit->length);
	return used + text.len - hit->length;
}
