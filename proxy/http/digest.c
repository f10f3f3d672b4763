#include "proxy/http/digest.h"

#include <openssl/evp.h>

#include "base/base64.h"
#include "base/cursor.h"
#include "base/error.h"

enum { LIST_MAX = 8 }; /* algorithms in one field */

static const struct {
	struct slice name;
	enum digest_algorithm algorithm;
} names[] = {
	{SLICE_LITERAL("md5"), DIGEST_MD5},
	{SLICE_LITERAL("sha"), DIGEST_SHA1},
	{SLICE_LITERAL("sha-256"), DIGEST_SHA256},
	{SLICE_LITERAL("sha-512"), DIGEST_SHA512},
};

static const EVP_MD *library_of(enum digest_algorithm algorithm)
{
	switch (algorithm) {
	case DIGEST_MD5:
		return EVP_md5();
	case DIGEST_SHA1:
		return EVP_sha1();
	case DIGEST_SHA256:
		return EVP_sha256();
	default:
		return EVP_sha512();
	}
}

static int find_algorithm(struct slice name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_equal_nocase(names[i].name, name))
			return (int)names[i].algorithm;
	}
	return ERROR_UNSUPPORTED;
}

bool digest_is_told(const struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		if (http_is_digest(fields->list[i].id))
			return true;
	}
	return false;
}

static int begin_algorithm(struct digest *digest, enum digest_algorithm algorithm)
{
	EVP_MD_CTX *context;

	if (digest->contexts[algorithm])
		return 0;
	context = EVP_MD_CTX_new();
	if (!context || EVP_DigestInit_ex(context, library_of(algorithm), NULL) != 1) {
		EVP_MD_CTX_free(context);
		return -ENOMEM;
	}
	digest->contexts[algorithm] = context;
	return 0;
}

static struct slice name_of(struct slice part)
{
	part = slice_trim(part);
	return slice_first(part, slice_find_char(part, '='));
}

/* "sha-256=:...:, sha-512=:...:" and "SHA-256=...,md5=...": only the names are wanted. */
static int begin_list(struct digest *digest, struct slice value)
{
	struct slice part;
	int rc = 0, count = 0;

	while (rc == 0 && slice_next_part(&value, ',', &part)) {
		int algorithm = find_algorithm(name_of(part));

		if (++count > LIST_MAX || algorithm < 0)
			return ERROR_UNSUPPORTED;
		rc = begin_algorithm(digest, (enum digest_algorithm)algorithm);
	}
	return rc;
}

int digest_begin(struct digest *digest, const struct http_fields *fields)
{
	int rc = 0;

	*digest = (struct digest){0};
	for (size_t i = 0; rc == 0 && i < fields->count; i++) {
		const struct http_field *field = &fields->list[i];

		if (field->id == FIELD_CONTENT_MD5)
			rc = begin_algorithm(digest, DIGEST_MD5);
		else if (http_is_digest(field->id))
			rc = begin_list(digest, field->value);
	}
	if (rc < 0)
		digest_free(digest);
	return rc;
}

void digest_feed(struct digest *digest, struct slice data)
{
	for (size_t i = 0; i < DIGEST_COUNT; i++) {
		if (digest->contexts[i])
			EVP_DigestUpdate(digest->contexts[i], data.ptr, data.len);
	}
}

/* The results, in base64. */
struct results {
	char text[DIGEST_COUNT][(EVP_MAX_MD_SIZE + 2) / 3 * 4];
	size_t length[DIGEST_COUNT];
};

static void conclude(struct digest *digest, struct results *results)
{
	for (size_t i = 0; i < DIGEST_COUNT; i++) {
		unsigned char raw[EVP_MAX_MD_SIZE];
		unsigned int length = 0;

		if (!digest->contexts[i])
			continue;
		EVP_DigestFinal_ex(digest->contexts[i], raw, &length);
		results->length[i] = base64_encode(slice_of((const char *)raw, length),
						   results->text[i]);
	}
}

static void write_result(struct writer *out, const struct results *results, int algorithm)
{
	writer_bytes(out, slice_of(results->text[algorithm], results->length[algorithm]));
}

static void write_list(struct writer *out, const struct http_field *field,
		       const struct results *results)
{
	bool is_dictionary = field->id != FIELD_DIGEST;
	struct slice rest = field->value, part;
	const char *separator = "";

	while (slice_next_part(&rest, ',', &part)) {
		struct slice name = name_of(part);

		writer_text(out, separator);
		writer_bytes(out, name);
		writer_text(out, is_dictionary ? "=:" : "=");
		write_result(out, results, find_algorithm(name));
		writer_text(out, is_dictionary ? ":" : "");
		separator = ", ";
	}
}

static int write_field(struct http_field *field, const struct results *results, struct arena *arena)
{
	/* The names, and for each a result with its marks. */
	size_t size = field->value.len + LIST_MAX * (sizeof(results->text[0]) + 8);
	char *room = arena_alloc_bytes(arena, size);
	struct writer out;

	if (!room)
		return -ENOMEM;
	out = writer_of(room, size);
	if (field->id == FIELD_CONTENT_MD5)
		write_result(&out, results, DIGEST_MD5);
	else
		write_list(&out, field, results);
	field->value = slice_of(room, writer_length(&out));
	return out.error;
}

int digest_finish(struct digest *digest, struct http_fields *fields, struct arena *arena)
{
	struct results results;
	int rc = 0;

	conclude(digest, &results);
	for (size_t i = 0; rc == 0 && i < fields->count; i++) {
		if (http_is_digest(fields->list[i].id))
			rc = write_field(&fields->list[i], &results, arena);
	}
	digest_free(digest);
	return rc;
}

void digest_free(struct digest *digest)
{
	for (size_t i = 0; i < DIGEST_COUNT; i++) {
		EVP_MD_CTX_free(digest->contexts[i]);
		digest->contexts[i] = NULL;
	}
}
