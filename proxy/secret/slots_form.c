/*
 * Slots in application/x-www-form-urlencoded (the URL standard, section 5.1): fields with "&"
 * between them, a name and a value with "=" between them, both percent-encoded, "+" being a space.
 *
 * Some parsers take ";" for "&". A field with a bare one in its name, or in its value before a
 * placeholder, is another field to them: there is no slot of its name.
 */
#include <stdlib.h>

#include "base/list.h"
#include "policy/slot.h"
#include "proxy/secret/percent.h"
#include "proxy/secret/slots_stage.h"

struct form_stage {
	struct slots_stage base;
	bool in_value;
	bool known;	   /* the name is kept, and everybody reads the field alike */
	uint8_t digits;	   /* of a percent-encoded byte, that must follow */
	uint8_t byte;	   /* what of it was read */
	size_t name_bytes; /* decoded */
	char name[SLOT_NAME_MAX_BYTES];
};

static struct form_stage *form_stage_of(struct rewrite *rewrite)
{
	return container_of(slots_stage_of(rewrite), struct form_stage, base);
}

static void begin_field(struct form_stage *stage)
{
	stage->in_value = false;
	stage->known = true;
	stage->digits = 0;
	stage->name_bytes = 0;
}

static void add_to_name(struct form_stage *stage, char c)
{
	if (stage->in_value)
		return;
	if (stage->name_bytes == sizeof(stage->name))
		stage->known = false;
	else
		stage->name[stage->name_bytes++] = c;
}

/* A percent sign that encodes nothing is left as it is by some, and refused by others. */
static void take_digit(struct form_stage *stage, char c)
{
	int value = ascii_hex_value(c);

	if (value < 0) {
		stage->digits = 0;
		if (!stage->in_value)
			stage->known = false;
		return;
	}
	stage->byte = (uint8_t)(stage->byte << 4 | value);
	if (--stage->digits == 0)
		add_to_name(stage, (char)stage->byte);
}

static void take(struct form_stage *stage, char c)
{
	if (stage->digits && ascii_hex_value(c) >= 0) {
		take_digit(stage, c);
		return;
	}
	if (stage->digits)
		take_digit(stage, c);
	switch (c) {
	case '&':
		begin_field(stage);
		break;
	case '=':
		stage->in_value = true;
		break;
	case ';':
		stage->known = false;
		break;
	case '%':
		stage->digits = 2;
		stage->byte = 0;
		break;
	default:
		add_to_name(stage, (char)(c == '+' ? ' ' : c));
	}
}

/* In a value only the marks count. */
static size_t skip_plain(struct slice text)
{
	size_t at = 0;

	while (at < text.len && text.ptr[at] != '&' && text.ptr[at] != '%' && text.ptr[at] != ';')
		at++;
	return at;
}

static int pass(struct rewrite *rewrite, struct slice bytes)
{
	struct form_stage *stage = form_stage_of(rewrite);

	for (size_t at = 0; at < bytes.len; at++) {
		if (stage->in_value && stage->digits == 0)
			at += skip_plain(slice_from(bytes, at));
		if (at < bytes.len)
			take(stage, bytes.ptr[at]);
	}
	return 0;
}

/* A space is %20, which everybody reads. */
static size_t encode(unsigned char c, char out[REWRITE_UNIT_MAX_BYTES])
{
	return percent_encode((char)c, percent_is_unreserved, out);
}

static int meet(struct rewrite *rewrite, const struct find_hit *hit, struct slice text, size_t span)
{
	struct form_stage *stage = form_stage_of(rewrite);
	struct slots_place place = {.kind = POLICY_SLOT_BODY, .name = SLICE_EMPTY};
	int rc;

	/* Behind a percent sign, what looks like the placeholder is another byte's digits. */
	place.disguised = stage->digits || !percent_reads_as(slice_first(text, span), true,
							     slots_placeholder(&stage->base, hit));
	if (stage->in_value && stage->known) {
		place.kind = POLICY_SLOT_FORM;
		place.name = slice_of(stage->name, stage->name_bytes);
	}
	rc = slots_decide(&stage->base, hit, &place, encode);
	if (rc == REWRITE_REPLACE && slots_put_in(&stage->base) && !stage->in_value)
		stage->known = false;
	return rc;
}

static void free_stage(struct stage *stage)
{
	struct rewrite *rewrite = container_of(stage, struct rewrite, stage);

	rewrite_clear(rewrite);
	free(form_stage_of(rewrite));
}

struct stage *slots_form_stage(const struct slots_owner *owner)
{
	static const struct stage_ops ops = {"slots in a form", rewrite_step, free_stage, NULL};
	static const struct rewrite_ops rewrite_ops = {.pass = pass, .meet = meet};
	struct form_stage *stage = calloc(1, sizeof(*stage));

	if (!stage)
		return NULL;
	slots_stage_init(&stage->base, &ops, &rewrite_ops, owner);
	begin_field(stage);
	return &stage->base.rewrite.stage;
}
