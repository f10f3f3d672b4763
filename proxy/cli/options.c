#include "proxy/cli/options.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/say.h"
#include "policy/diagnostic.h"

enum {
	LETTER_HELP = 'h',
	LETTERS_END = 256, /* letters from here on have no short form */
	ROWS_MAX = 64,
	HELP_COLUMN = 28,
};

void options_init(struct options *options, const struct command_help *help, int argc, char **argv)
{
	*options = (struct options){.help = help, .argc = argc, .argv = argv, .next = 1};
}

static int fail_hint(const struct options *options)
{
	say("usage: %s", options->help->usage);
	return OPTIONS_ERROR;
}

static const struct option_row *find_letter(const struct options *options, char letter)
{
	for (size_t i = 0; i < options->help->row_count; i++) {
		const struct option_row *row = &options->help->rows[i];

		if (row->letter < LETTERS_END && row->letter == letter)
			return row;
	}
	return NULL;
}

static const struct option_row *find_name(const struct options *options, struct slice name)
{
	for (size_t i = 0; i < options->help->row_count; i++) {
		if (slice_equal(name, slice_from_text(options->help->rows[i].name)))
			return &options->help->rows[i];
	}
	return NULL;
}

static int refuse_name(const struct options *options, struct slice name)
{
	const char *words[ROWS_MAX + 1] = {"help"}, *nearest;
	size_t count = 1;

	for (size_t i = 0; i < options->help->row_count && count <= ROWS_MAX; i++)
		words[count++] = options->help->rows[i].name;
	nearest = diagnostic_nearest(name, words, count);
	if (nearest)
		say("unknown option --%.*s; did you mean --%s?", SLICE_ARGS(name), nearest);
	else
		say("unknown option --%.*s", SLICE_ARGS(name));
	return fail_hint(options);
}

static int print_help(const struct options *options)
{
	options_print_help(options->help);
	return OPTIONS_HELP;
}

/* The next argument as a value of ROW. */
static int take_value(struct options *options, const struct option_row *row, const char **value)
{
	if (options->next >= options->argc) {
		say("option --%s needs a value: %s", row->name, row->argument);
		return fail_hint(options);
	}
	*value = options->argv[options->next++];
	return row->letter;
}

static int next_long(struct options *options, const char *text, const char **value)
{
	struct slice whole = slice_from_text(text);
	size_t equals = slice_find_char(whole, '=');
	struct slice name = slice_first(whole, equals);
	const struct option_row *row = find_name(options, name);
	bool has_value = equals < whole.len;

	if (!row && !has_value && slice_equal(name, SLICE_LITERAL("help")))
		return print_help(options);
	if (!row)
		return refuse_name(options, name);
	if (has_value && !row->argument) {
		say("option --%s takes no value", row->name);
		return fail_hint(options);
	}
	if (!row->argument)
		return row->letter;
	if (!has_value)
		return take_value(options, row, value);
	*value = text + equals + 1;
	return row->letter;
}

/* One letter of a cluster like -ab, or of one with a value like -pFILE. */
static int next_letter(struct options *options, const char **value)
{
	char letter = *options->cluster++;
	const char *rest = options->cluster;
	const struct option_row *row = find_letter(options, letter);

	if (*rest == '\0')
		options->cluster = NULL;
	if (!row && letter == LETTER_HELP)
		return print_help(options);
	if (!row) {
		say("unknown option -%c", letter);
		return fail_hint(options);
	}
	if (!row->argument)
		return row->letter;
	options->cluster = NULL;
	if (*rest == '\0')
		return take_value(options, row, value);
	*value = rest;
	return row->letter;
}

int options_next(struct options *options, const char **value)
{
	const char *argument;

	*value = NULL;
	if (options->cluster)
		return next_letter(options, value);
	if (options->next >= options->argc)
		return OPTIONS_END;
	argument = options->argv[options->next];
	/* A hyphen alone is an operand: standard input. */
	if (argument[0] != '-' || argument[1] == '\0')
		return OPTIONS_END;
	options->next++;
	if (strcmp(argument, "--") == 0)
		return OPTIONS_END;
	if (argument[1] == '-')
		return next_long(options, argument + 2, value);
	options->cluster = argument + 1;
	return next_letter(options, value);
}

int options_read_size(const char *text, uint64_t *bytes)
{
	static const char *const units[] = {"", "KiB", "MiB", "GiB"};
	struct slice whole = slice_from_text(text);
	size_t digits = strspn(text, "0123456789");

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + digits, units[i]) != 0)
			continue;
		if (slice_to_u64(slice_first(whole, digits), INT64_MAX >> (10 * i), bytes) < 0)
			return ERROR_SYNTAX;
		*bytes <<= 10 * i;
		return 0;
	}
	return ERROR_SYNTAX;
}

static void print_row(const struct option_row *row)
{
	char left[128];
	const char *argument = row->argument ? row->argument : "";
	const char *space = row->argument ? " " : "";

	if (row->letter < LETTERS_END)
		snprintf(left, sizeof(left), "  -%c, --%s%s%s", row->letter, row->name, space,
			 argument);
	else
		snprintf(left, sizeof(left), "      --%s%s%s", row->name, space, argument);
	if (strlen(left) + 2 > HELP_COLUMN)
		printf("%s\n%*s%s\n", left, HELP_COLUMN, "", row->help);
	else
		printf("%-*s%s\n", HELP_COLUMN, left, row->help);
}

enum { TEXT_COLUMNS = 80 };

/* Prints TEXT with its lines broken between words; a line break of its own stays. */
static void print_wrapped(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t word = strcspn(text, " \n");

		if (column && column + 1 + word > TEXT_COLUMNS) {
			putchar('\n');
			column = 0;
		}
		printf("%s%.*s", column ? " " : "", (int)word, text);
		column += word + (column ? 1 : 0);
		text += word;
		if (*text == '\n') {
			putchar('\n');
			column = 0;
		}
		if (*text)
			text++;
	}
	putchar('\n');
}

void options_print_help(const struct command_help *help)
{
	printf("usage: %s\n", help->usage);
	if (help->text) {
		putchar('\n');
		print_wrapped(help->text);
	}
	printf("\n");
	for (size_t i = 0; i < help->row_count; i++)
		print_row(&help->rows[i]);
	printf("  -h, --help%*s%s\n", HELP_COLUMN - 12, "", "show this help");
}
