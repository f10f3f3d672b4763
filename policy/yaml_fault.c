#include "policy/yaml_fault.h"

#include <string.h>

/* Libyaml's words, as far as needed to know them, and ours. The first row that fits is taken. */
struct known_fault {
	const char *context; /* NULL: any */
	const char *problem;
	bool at_context; /* the place is where the context starts, not where reading stopped */
	const char *text;
	const char *hint;
};

static const struct known_fault known_faults[] = {
	{"while scanning an alias", "", true, "a text that starts with \"*\" must be quoted",
	 "for a wildcard write \"*.example.com\", with the quotes"},
	{"while scanning an anchor", "", true, "a text that starts with \"&\" must be quoted",
	 NULL},
	{NULL, "found a tab character", false, "a tab cannot indent", "indent with spaces"},
	{NULL, "found character that cannot start any token", false,
	 "no text can start with this character",
	 "indent with spaces, not tabs; quote a text that starts with %, @ or `"},
	{NULL, "mapping values are not allowed in this context", false,
	 "there cannot be a key here", "check the indentation; quote a text that has \": \" in it"},
	{NULL, "could not find expected ':'", true, "a key must be followed by a colon and a space",
	 "check that quotes are closed and that lines below are indented as this one"},
	{NULL, "did not find expected key", false, "this does not fit the lines above",
	 "check the indentation: keys of one mapping start in the same column"},
	{NULL, "did not find expected '-' indicator", false, "this does not fit the list above",
	 "entries of one list start with \"- \" in the same column"},
	{NULL, "did not find expected ',' or ']'", true, "this list is not closed",
	 "entries in brackets are separated by commas and end with \"]\""},
	{NULL, "did not find expected ',' or '}'", true, "this mapping is not closed",
	 "entries in braces are separated by commas and end with \"}\"; quote a text with braces"},
	{NULL, "found unexpected end of stream", true, "the quotes that open here are not closed",
	 NULL},
	{NULL, "found unknown escape character", false, "there is no such escape",
	 "in double quotes a backslash starts an escape; single quotes have none"},
	{NULL, "block sequence entries are not allowed in this context", false,
	 "a list cannot start here", "put the list on the lines below its key"},
	{NULL, "did not find expected node content", false, "an entry is missing here",
	 "remove the comma or bracket that is too many; quote a text that starts with one"},
	{NULL, "did not find expected <document start>", false,
	 "the policy ended on the line above",
	 "check the indentation: the keys of the policy start in one column"},
};

static const struct known_fault *find_known(const char *context, const char *problem)
{
	for (size_t i = 0; i < sizeof(known_faults) / sizeof(known_faults[0]); i++) {
		const struct known_fault *known = &known_faults[i];

		if (known->context && strcmp(known->context, context) != 0)
			continue;
		if (strstr(problem, known->problem))
			return known;
	}
	return NULL;
}

void yaml_fault_report(const yaml_parser_t *parser, struct diagnostics *diagnostics)
{
	const char *context = parser->context ? parser->context : "";
	const char *problem = parser->problem ? parser->problem : "this is not YAML";
	const struct known_fault *known = find_known(context, problem);
	yaml_mark_t mark = known && known->at_context && parser->context ? parser->context_mark
									 : parser->problem_mark;
	struct diagnostic_place place = {(uint32_t)mark.line + 1, (uint32_t)mark.column + 1, 1,
					 diagnostics->reading};

	if (known)
		diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, place, known->hint, "%s",
				known->text);
	else
		diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, place, NULL, "%s", problem);
}
