#include "proxy/secret/signature.h"

#include "proxy/secret/field_name.h"

static const struct {
	struct slice start; /* of the value of Authorization */
	const char *what;
} schemes[] = {
	{SLICE_LITERAL("AWS4-"), "an AWS signature"},
	{SLICE_LITERAL("AWS "), "an AWS signature"},
	{SLICE_LITERAL("GOOG4-"), "a signature of Google's storage"},
	{SLICE_LITERAL("Signature "), "an HTTP signature"},
	{SLICE_LITERAL("Hawk "), "a Hawk signature"},
	{SLICE_LITERAL("OAuth oauth_"), "an OAuth 1 signature"},
	{SLICE_LITERAL("OAuth realm="), "an OAuth 1 signature"},
	{SLICE_LITERAL("Digest "), "Digest authentication"},
};

static const struct {
	struct slice name;
	const char *what;
} parameters[] = {
	{SLICE_LITERAL("X-Amz-Signature"), "an AWS signature"},
	{SLICE_LITERAL("X-Goog-Signature"), "a signature of Google's storage"},
	{SLICE_LITERAL("oauth_signature"), "an OAuth 1 signature"},
};

static const char *find_scheme(struct slice value)
{
	value = slice_trim(value);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (slice_starts_with_nocase(value, schemes[i].start))
			return schemes[i].what;
	}
	return NULL;
}

static const char *find_in_fields(const struct http_fields *fields)
{
	const char *what = NULL;

	for (size_t i = 0; i < fields->count && !what; i++) {
		const struct http_field *field = &fields->list[i];

		if (field->id == FIELD_AUTHORIZATION)
			what = find_scheme(field->value);
		else if (field_name_is_read_as(field->name, SLICE_LITERAL("Signature-Input")) ||
			 field_name_is_read_as(field->name, SLICE_LITERAL("Signature")))
			what = "an HTTP signature";
	}
	return what;
}

static const char *find_in_query(struct slice query)
{
	struct slice rest = slice_from(query, 1), parameter;

	while (rest.len && slice_next_part(&rest, '&', &parameter)) {
		struct slice name = slice_first(parameter, slice_find_char(parameter, '='));

		for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
			if (slice_equal_nocase(name, parameters[i].name))
				return parameters[i].what;
		}
	}
	return NULL;
}

const char *signature_of(const struct http_message *message)
{
	const char *what = find_in_fields(&message->fields);

	return what ? what : find_in_query(message->query);
}
