#include "policy/placeholder_random.h"

#include <assert.h>

#include "base/base64.h"
#include "base/random.h"

const struct alphabet alphabet_alnum = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 5954};
const struct alphabet alphabet_alpha = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
					5700};
const struct alphabet alphabet_digits = {"0123456789", 3321};
const struct alphabet alphabet_hex_lower = {"0123456789abcdef", 4000};
const struct alphabet alphabet_hex_upper = {"0123456789ABCDEF", 4000};
const struct alphabet alphabet_base32 = {"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5000};

size_t alphabet_least(const struct alphabet *alphabet)
{
	return (PLACEHOLDER_MIN_RANDOM_BITS * 1000 + alphabet->millibits - 1) / alphabet->millibits;
}

void alphabet_fill(const struct alphabet *alphabet, char *out, size_t len)
{
	uint32_t letters = (uint32_t)strlen(alphabet->letters);

	for (size_t i = 0; i < len; i++)
		out[i] = alphabet->letters[random_below(letters)];
}

size_t placeholder_base64url(struct slice bytes, char *out)
{
	char padded[PLACEHOLDER_MAX_BYTES + 4];
	size_t len = (bytes.len * 4 + 2) / 3;

	assert(len <= PLACEHOLDER_MAX_BYTES);
	base64_encode(bytes, padded);
	for (size_t i = 0; i < len; i++)
		out[i] = padded[i] == '+' ? '-' : (padded[i] == '/' ? '_' : padded[i]);
	return len;
}

void placeholder_fill_base64url(char *out, size_t len)
{
	char bytes[PLACEHOLDER_MAX_BYTES];
	size_t count = len * 3 / 4, written;

	random_bytes(bytes, count);
	written = placeholder_base64url(slice_of(bytes, count), out);
	assert(written == len);
}

bool placeholder_is_base64url(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_')
			return false;
	}
	return s.len > 0;
}
