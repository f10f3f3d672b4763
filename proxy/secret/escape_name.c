#include "proxy/secret/escape_name.h"

/* The HTML standard, section 13.5 (named character references): all that stand for one character of
 * ASCII. */
static const struct {
	char c;
	struct slice name;
} names[] = {
	{'&', SLICE_LITERAL("amp")},	      {'<', SLICE_LITERAL("lt")},
	{'>', SLICE_LITERAL("gt")},	      {'"', SLICE_LITERAL("quot")},
	{'\'', SLICE_LITERAL("apos")},	      {'&', SLICE_LITERAL("AMP")},
	{'<', SLICE_LITERAL("LT")},	      {'>', SLICE_LITERAL("GT")},
	{'"', SLICE_LITERAL("QUOT")},	      {'\n', SLICE_LITERAL("NewLine")},
	{'\t', SLICE_LITERAL("Tab")},	      {'!', SLICE_LITERAL("excl")},
	{'#', SLICE_LITERAL("num")},	      {'$', SLICE_LITERAL("dollar")},
	{'%', SLICE_LITERAL("percnt")},	      {'(', SLICE_LITERAL("lpar")},
	{')', SLICE_LITERAL("rpar")},	      {'*', SLICE_LITERAL("ast")},
	{'*', SLICE_LITERAL("midast")},	      {'+', SLICE_LITERAL("plus")},
	{',', SLICE_LITERAL("comma")},	      {'.', SLICE_LITERAL("period")},
	{'/', SLICE_LITERAL("sol")},	      {':', SLICE_LITERAL("colon")},
	{';', SLICE_LITERAL("semi")},	      {'=', SLICE_LITERAL("equals")},
	{'?', SLICE_LITERAL("quest")},	      {'@', SLICE_LITERAL("commat")},
	{'[', SLICE_LITERAL("lbrack")},	      {'[', SLICE_LITERAL("lsqb")},
	{'\\', SLICE_LITERAL("bsol")},	      {']', SLICE_LITERAL("rbrack")},
	{']', SLICE_LITERAL("rsqb")},	      {'^', SLICE_LITERAL("Hat")},
	{'_', SLICE_LITERAL("lowbar")},	      {'_', SLICE_LITERAL("UnderBar")},
	{'`', SLICE_LITERAL("grave")},	      {'`', SLICE_LITERAL("DiacriticalGrave")},
	{'{', SLICE_LITERAL("lbrace")},	      {'{', SLICE_LITERAL("lcub")},
	{'|', SLICE_LITERAL("verbar")},	      {'|', SLICE_LITERAL("vert")},
	{'}', SLICE_LITERAL("rbrace")},	      {'}', SLICE_LITERAL("rcub")},
	{'|', SLICE_LITERAL("VerticalLine")},
};

char escape_char_named(struct slice name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].name.len == name.len && names[i].name.ptr[0] == name.ptr[0] &&
		    slice_equal(name, names[i].name))
			return names[i].c;
	}
	return 0;
}

bool escape_begins_name(struct slice text)
{
	for (size_t i = 0; text.len && i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].name.ptr[0] == text.ptr[0] && slice_starts_with(names[i].name, text))
			return true;
	}
	return text.len == 0;
}
