/* Threats S2, S5, S8: the finder finds what a simple search finds, in texts drawn by lot.
 *
 * Each round is all of a number, its seed, which a failure shows. FIND_SEED=N FIND_ROUNDS=M in the
 * environment runs M rounds from N on instead. */
#include "proxy/secret/find.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "tests/unit/allocation.h"

enum {
	ROUNDS = 400,
	ROUNDS_BY_CHANCE = 100,
	VALUES_MAX = 3,
	VALUE_MAX_BYTES = 128,
	DRAWN_BYTES = 300,	    /* at least */
	TEXT_MAX_BYTES = 256 << 10, /* and a form behind it, every character spelled twice */
};

static const char alphabet[] = "ab%&\\;#12u0x5c\n\r";

static const struct escape_reading readings[] = {
	{ESCAPE_NONE, 0},      {ESCAPE_PERCENT, 1},   {ESCAPE_PERCENT, 2},
	{ESCAPE_BACKSLASH, 1}, {ESCAPE_BACKSLASH, 2}, {ESCAPE_ENTITY, 1},
	{ESCAPE_ENTITY, 2},    {ESCAPE_ALL, 1},	      {ESCAPE_ALL, 2},
};

/* Whether FORM is at START, its first K characters plain and the others as one reader sees them: 1
 * with its length, 0, or -1 when the text ends too early to say. */
static int match_simply(const struct form *form, size_t k, struct slice text, size_t start,
			bool whole, struct escape_reading reading, size_t *length)
{
	size_t at = start + k;
	char last = 0;

	while (k < form->text.len) {
		struct escape_unit unit;
		size_t n = escape_read(reading, text, at, whole, &unit);
		char c = unit.bytes[0];

		if (n == 0)
			return whole ? 0 : -1;
		if (n > ESCAPE_UNIT_MAX_BYTES)
			return 0;
		at += n;
		if (form->breaks && k >= FIND_BREAK_MIN_BYTES && unit.count == 1 &&
		    ((c == '\r' && last == 0) || (c == '\n' && last != '\n'))) {
			last = c;
			continue;
		}
		if (unit.count > form->text.len - k ||
		    memcmp(unit.bytes, form->text.ptr + k, unit.count) != 0)
			return 0;
		k += unit.count;
		last = 0;
	}
	*length = at - start;
	return 1;
}

/* The same for every K and every reader: the longest. */
static int match_somehow(const struct form *form, struct slice text, size_t start, bool whole,
			 size_t *longest)
{
	struct slice rest = slice_from(text, start);
	int found = 0;

	for (size_t k = 0;
	     k <= form->text.len && slice_starts_with(rest, slice_first(form->text, k)); k++) {
		for (size_t j = 0; j < sizeof(readings) / sizeof(readings[0]); j++) {
			size_t length = 0;
			int rc = match_simply(form, k, text, start, whole, readings[j], &length);

			if (rc == 1 && length > *longest)
				*longest = length;
			if (rc && found >= 0)
				found = rc;
		}
	}
	return found;
}

static bool find_simply(const struct finder *finder, struct slice text, size_t from, bool whole,
			size_t *start, size_t *length)
{
	for (*start = from; *start < text.len; (*start)++) {
		*length = 0;
		for (size_t i = 0; i < finder_count(finder); i++)
			match_somehow(finder_form(finder, i), text, *start, whole, length);
		if (*length)
			return true;
	}
	return false;
}

static size_t partial_simply(const struct finder *finder, struct slice text)
{
	for (size_t start = 0; start < text.len; start++) {
		for (size_t i = 0; i < finder_count(finder); i++) {
			size_t length = 0;

			if (match_somehow(finder_form(finder, i), text, start, false, &length) < 0)
				return text.len - start;
		}
	}
	return 0;
}

static uint64_t draw_state; /* splitmix64 */

static uint32_t draw(uint32_t bound)
{
	uint64_t z = draw_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z >> 32) * bound >> 32);
}

/* What the finder says of a text, and what a simple search says. */
struct comparison {
	const char *what;
	size_t from;
	size_t start[2];
	size_t length[2];
};

static bool agree_on_hits(const struct finder *finder, struct slice text, bool whole,
			  struct comparison *c)
{
	for (c->from = 0;; c->from = c->start[0] + 1) {
		struct find_hit hit = {0};
		bool found = finder_find(finder, text, c->from, whole, &hit);
		bool simply = find_simply(finder, text, c->from, whole, &c->start[1],
					  &c->length[1]);

		c->start[0] = hit.start;
		c->length[0] = hit.length;
		c->what = simply ? "the finder finds none" : "only the finder finds one";
		if (found != simply)
			return false;
		if (!found)
			return true;
		c->what = "they find others";
		if (c->start[0] != c->start[1] || c->length[0] != c->length[1] ||
		    hit.form != finder_form(finder, hit.index))
			return false;
	}
}

/* The finder leaves open at least what a simple search does; and one look says the same as two. */
static bool agree_on_ends(const struct finder *finder, struct slice text, struct comparison *c)
{
	struct find_hit hit = {0}, other = {0};
	bool found = finder_look(finder, text, &hit, &c->length[1]);

	c->length[0] = finder_partial(finder, text);
	c->what = "a look finds another";
	if (found != finder_find(finder, text, 0, false, &other) ||
	    (found && (hit.start != other.start || hit.length != other.length)))
		return false;
	c->what = "a look leaves another end open";
	if (!found && c->length[0] != c->length[1])
		return false;
	c->what = "too little is left open";
	c->length[1] = partial_simply(finder, text);
	return c->length[0] >= c->length[1];
}

/* Writes C to OUT in a way drawn by lot, or as it is. */
static size_t spell_once(char c, char *out)
{
	unsigned int u = (unsigned char)c;

	switch (draw(12)) {
	case 0:
		return (size_t)sprintf(out, "%%%02x", u);
	case 1:
		return (size_t)sprintf(out, "%%u%04X", u);
	case 2:
		return (size_t)sprintf(out, "\\u%04X", u);
	case 3:
		return (size_t)sprintf(out, "\\x%02X", u);
	case 4:
		return (size_t)sprintf(out, "\\u{%x}", u);
	case 5:
		return (size_t)sprintf(out, "&#%u;", u);
	case 6:
		return (size_t)sprintf(out, "&#x%x", u);
	case 7:
		return (size_t)sprintf(out, "&#x%08X;", u);
	case 8:
		return (size_t)sprintf(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : c);
	case 9:
		if (c == '&' || c == '%')
			return (size_t)sprintf(out, c == '&' ? "&amp;" : "&percnt;");
		return (size_t)sprintf(out,
				       c == '\\'   ? "&bsol;"
				       : c == '\n' ? "&NewLine;"
						   : "%c",
				       c);
	default:
		out[0] = c;
		return 1;
	}
}

/* Once, or of what that makes the first characters, some, or all once more. */
static size_t spell(char c, char *out)
{
	char inner[16];
	size_t length = spell_once(c, inner), used = 0;
	unsigned int how = draw(5);

	for (size_t i = 0; i < length; i++) {
		bool again = how == 0 || (how == 1 && i == 0) || (how == 2 && draw(3) == 0);

		if (again)
			used += spell_once(inner[i], out + used);
		else
			out[used++] = inner[i];
	}
	return used;
}

/* A line break, or half of one, before it, some more than a reader takes. */
static size_t spell_break(char *out)
{
	size_t used = 0;

	if (draw(2))
		used += draw(2) ? spell('\r', out + used) : (out[used] = '\r', 1u);
	if (draw(4))
		used += draw(2) ? spell('\n', out + used) : (out[used] = '\n', 1u);
	return used;
}

static size_t add_form(const struct finder *finder, char *out)
{
	size_t i = draw((uint32_t)finder_count(finder)), used = 0;
	struct slice text = finder_form(finder, i)->text;
	unsigned int most = 11 + draw(60);

	/* Now and then it is not whole. */
	if (draw(4) == 0)
		text.len -= 1 + draw((uint32_t)text.len - 1);
	for (size_t k = 0; k < text.len; k++) {
		unsigned int how = draw(most);

		if (how == 0)
			used += spell_break(out + used);
		if (how < 8)
			used += spell(text.ptr[k], out + used);
		else
			out[used++] = text.ptr[k];
	}
	return used;
}

static struct finder *draw_finder(void)
{
	char bytes[VALUES_MAX][VALUE_MAX_BYTES];
	struct slice values[VALUES_MAX];
	size_t count = 1 + draw(VALUES_MAX);
	unsigned int letters = draw(4) ? 2 : sizeof(alphabet) - 1, more = draw(10) ? 8 : 100;
	struct finder *finder;

	for (size_t i = 0; i < count; i++) {
		size_t len = FIND_VALUE_MIN_BYTES + draw(more);

		for (size_t k = 0; k < len; k++)
			bytes[i][k] = alphabet[draw(letters)];
		values[i] = slice_of(bytes[i], len);
	}
	assert_int_equal(finder_create(values, count, FORMS_OF_SECRET, false, &finder, NULL), 0);
	return finder;
}

static struct slice draw_text(const struct finder *finder)
{
	static char text[TEXT_MAX_BYTES];
	size_t used = 0;

	while (used < DRAWN_BYTES) {
		if (draw(3))
			text[used++] = alphabet[draw(sizeof(alphabet) - 1)];
		else
			used += add_form(finder, text + used);
	}
	return slice_of(text, used);
}

static void show(uint64_t seed, const struct finder *finder, struct slice text, bool whole,
		 const struct comparison *c)
{
	print_error("FIND_SEED=%llu FIND_ROUNDS=1: %s\nfrom %zu, whole %d: "
		    "start %zu and simply %zu, length %zu and simply %zu\n",
		    (unsigned long long)seed, c->what, c->from, whole, c->start[0], c->start[1],
		    c->length[0], c->length[1]);
	for (size_t i = 0; i < finder_count(finder); i++) {
		const struct form *form = finder_form(finder, i);

		print_error("form %d%s ", form->kind, form->tail ? " (tail)" : "");
		for (size_t k = 0; k < form->text.len; k++)
			print_error("%02x", (unsigned char)form->text.ptr[k]);
		print_error("\n");
	}
	print_error("text ");
	for (size_t i = 0; i < text.len; i++)
		print_error("%02x", (unsigned char)text.ptr[i]);
	print_error("\n");
}

static void try_rounds(uint64_t seed, uint64_t rounds)
{
	for (; rounds; seed++, rounds--) {
		struct comparison c = {0};
		struct finder *finder;
		struct slice text;
		bool whole, agree;

		draw_state = seed << 32;
		whole = draw(2);
		finder = draw_finder();
		text = draw_text(finder);
		agree = agree_on_hits(finder, text, whole, &c) && agree_on_ends(finder, text, &c);
		if (!agree)
			show(seed, finder, text, whole, &c);
		finder_free(finder);
		assert_true(agree);
	}
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void agrees_with_a_simple_search(void **state)
{
	(void)state;
	try_rounds(number_of("FIND_SEED", 1), number_of("FIND_ROUNDS", ROUNDS));
}

/* By another seed each time, that is shown. */
static void agrees_with_a_simple_search_by_chance(void **state)
{
	uint64_t seed = UINT64_C(1) << 31 | random_below(1u << 31);

	(void)state;
	print_message("from FIND_SEED=%llu\n", (unsigned long long)seed);
	try_rounds(seed, ROUNDS_BY_CHANCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_simple_search),
		cmocka_unit_test(agrees_with_a_simple_search_by_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
