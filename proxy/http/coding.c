#include "proxy/http/coding.h"

#include "proxy/http/coding_stage.h"

static const char *const names[CODING_COUNT] = {
	[CODING_GZIP] = "gzip",
	[CODING_DEFLATE] = "deflate",
	[CODING_BR] = "br",
	[CODING_ZSTD] = "zstd",
};

const char *coding_name(enum coding coding)
{
	return names[coding];
}

static int find_coding(struct slice name, enum coding *coding)
{
	for (*coding = 0; *coding < CODING_COUNT; (*coding)++) {
		if (slice_equal_nocase(name, slice_from_text(names[*coding])))
			return 0;
	}
	*coding = CODING_GZIP;
	return slice_equal_nocase(name, SLICE_LITERAL("x-gzip")) ? 0 : ERROR_UNSUPPORTED;
}

static int add_coding(struct slice name, enum coding codings[CODING_CHAIN_MAX], size_t *count)
{
	enum coding coding;

	if (!http_is_token(name))
		return ERROR_SYNTAX;
	if (slice_equal_nocase(name, SLICE_LITERAL("identity")))
		return 0;
	if (find_coding(name, &coding) < 0)
		return ERROR_UNSUPPORTED;
	if (*count == CODING_CHAIN_MAX)
		return ERROR_LIMIT;
	codings[(*count)++] = coding;
	return 0;
}

int coding_parse(struct slice value, enum coding codings[CODING_CHAIN_MAX], size_t *count)
{
	struct slice name;

	while (slice_next_part(&value, ',', &name)) {
		int rc;

		name = slice_trim(name);
		/* A list may have empty elements (RFC 9110 section 5.6.1.2). */
		if (name.len == 0)
			continue;
		rc = add_coding(name, codings, count);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int coding_of_fields(const struct http_fields *fields, enum coding codings[CODING_CHAIN_MAX],
		     size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < fields->count; i++) {
		int rc = 0;

		if (fields->list[i].id == FIELD_CONTENT_ENCODING)
			rc = coding_parse(fields->list[i].value, codings, count);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static struct coding_decoder *make_decoder(enum coding coding, struct wiped_budget *budget)
{
	switch (coding) {
	case CODING_BR:
		return coding_brotli_decoder(budget);
	case CODING_ZSTD:
		return coding_zstd_decoder(budget);
	default:
		return coding_zlib_decoder(coding, budget);
	}
}

static struct coding_encoder *make_encoder(enum coding coding, struct wiped_budget *budget)
{
	switch (coding) {
	case CODING_BR:
		return coding_brotli_encoder(budget);
	case CODING_ZSTD:
		return coding_zstd_encoder(budget);
	default:
		return coding_zlib_encoder(coding, budget);
	}
}

struct stage *coding_decoder(enum coding coding, struct wiped_budget *budget)
{
	struct coding_decoder *decoder = make_decoder(coding, budget);

	return decoder ? &decoder->stage : NULL;
}

struct stage *coding_encoder(enum coding coding, struct wiped_budget *budget)
{
	struct coding_encoder *encoder = make_encoder(coding, budget);

	return encoder ? &encoder->stage : NULL;
}

int coding_decoders(const enum coding codings[], size_t count, struct wiped_budget *budget,
		    struct stage *stages[CODING_CHAIN_MAX])
{
	const struct coding_decoder *first = NULL;

	for (size_t i = 0; i < count; i++) {
		struct coding_decoder *decoder = make_decoder(codings[count - 1 - i], budget);

		if (!decoder) {
			while (i--)
				stages[i]->ops->free(stages[i]);
			return -ENOMEM;
		}
		first = first ? first : decoder;
		decoder->first = first;
		stages[i] = &decoder->stage;
	}
	return 0;
}
