/*
 * JSON Web Tokens (RFC 7519). Programs look into the ones they hold: at the algorithm, and at when
 * they expire, to fetch a new one in time. The placeholder says that it is unsigned, and that it is
 * good until 2100.
 */
#include <assert.h>
#include <stdio.h>

#include "base/error.h"
#include "policy/placeholder_random.h"

#define HEADER	       "{\"alg\":\"none\",\"typ\":\"JWT\"}"
#define PAYLOAD_START  "{\"exp\":4102444800,\"jti\":\""
#define PAYLOAD_END    "\"}"
#define PAYLOAD_AROUND (sizeof(PAYLOAD_START) - 1 + sizeof(PAYLOAD_END) - 1)

enum {
	SIGNATURE_MIN = 22,   /* characters: 16 bytes, all of them random */
	SIGNATURE_USUAL = 43, /* 32 bytes */
};

static size_t encoded_length(size_t bytes)
{
	return (bytes * 4 + 2) / 3;
}

/* Whether LEN characters can be base64url. */
static bool is_possible(size_t len)
{
	return len % 4 != 1;
}

bool placeholder_is_jwt(struct slice s)
{
	struct slice rest = s, part;
	size_t parts = 0;

	while (slice_next_part(&rest, '.', &part)) {
		if (!placeholder_is_base64url(part))
			return false;
		parts++;
	}
	/* The encoding of {" */
	return parts == 3 && slice_starts_with(s, SLICE_LITERAL("eyJ"));
}

static size_t signature_length(struct slice jwt)
{
	size_t start = jwt.len;

	while (jwt.ptr[start - 1] != '.')
		start--;
	return jwt.len - start;
}

static size_t payload_length(size_t total, size_t signature)
{
	size_t others = encoded_length(sizeof(HEADER) - 1) + 2 + signature;

	return total > others ? total - others : 0;
}

/* Whether a signature of that length makes the whole TOTAL long. */
static bool fits(size_t total, size_t signature)
{
	size_t payload = payload_length(total, signature);

	return signature >= SIGNATURE_MIN && is_possible(signature) && is_possible(payload) &&
	       payload >= encoded_length(PAYLOAD_AROUND + 1);
}

/* How long the signature is, so that the whole can be TOTAL long: as long as WANTED, or shorter, or
 * a little longer; 0 if nothing fits. */
static size_t choose_signature(size_t total, size_t wanted)
{
	for (size_t signature = wanted; signature >= SIGNATURE_MIN; signature--) {
		if (fits(total, signature))
			return signature;
	}
	for (size_t signature = SIGNATURE_MIN; signature < SIGNATURE_USUAL; signature++) {
		if (fits(total, signature))
			return signature;
	}
	return 0;
}

static size_t put_payload(char *out, size_t len)
{
	char json[PLACEHOLDER_MAX_BYTES];
	size_t size = len * 3 / 4, filling = size - PAYLOAD_AROUND;

	memcpy(json, PAYLOAD_START, sizeof(PAYLOAD_START) - 1);
	alphabet_fill(&alphabet_alnum, json + sizeof(PAYLOAD_START) - 1, filling);
	memcpy(json + sizeof(PAYLOAD_START) - 1 + filling, PAYLOAD_END, sizeof(PAYLOAD_END) - 1);
	return placeholder_base64url(slice_of(json, size), out);
}

ssize_t placeholder_make_jwt(struct slice secret, char *out, size_t size)
{
	size_t total = secret.len < PLACEHOLDER_MAX_BYTES ? secret.len : PLACEHOLDER_MAX_BYTES;
	size_t signature = choose_signature(total, signature_length(secret)), payload, used;

	payload = payload_length(total, signature);
	if (signature == 0) {
		signature = SIGNATURE_USUAL;
		payload = encoded_length(PAYLOAD_AROUND + 1);
		total = encoded_length(sizeof(HEADER) - 1) + 2 + payload + signature;
	}
	if (total > size)
		return ERROR_LIMIT;
	used = placeholder_base64url(SLICE_LITERAL(HEADER), out);
	out[used++] = '.';
	used += put_payload(out + used, payload);
	out[used++] = '.';
	placeholder_fill_base64url(out + used, signature);
	assert(used + signature == total);
	return (ssize_t)total;
}
