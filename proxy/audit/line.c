#include "proxy/audit/line.h"

#include <assert.h>

#define LINE_START  "{\"v\":1,\"seq\":"
#define LINE_MIDDLE ",\"prev\":\""
#define LINE_END    "\"}"

enum {
	SEQ_DIGITS_MAX = 20,
	HASH_BYTES = LINE_HASH_TEXT / 2,
};

_Static_assert(sizeof(LINE_START LINE_MIDDLE LINE_END "\n") + SEQ_DIGITS_MAX + LINE_HASH_TEXT <=
		       LINE_FRAME_MAX,
	       "the frame fits");

const char line_no_hash[LINE_HASH_TEXT + 1] =
	"0000000000000000000000000000000000000000000000000000000000000000";

static char *put(char *at, const char *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

static char *put_number(char *at, uint64_t value)
{
	char digits[SEQ_DIGITS_MAX];
	size_t first = sizeof(digits);

	do {
		digits[--first] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	return put(at, digits + first, sizeof(digits) - first);
}

size_t line_write(uint64_t seq, struct slice body, const char previous[LINE_HASH_TEXT + 1],
		  char *out)
{
	char *at = put(out, LINE_START, sizeof(LINE_START) - 1);

	assert(body.len >= 2 && body.ptr[0] == '{' && body.ptr[body.len - 1] == '}');
	at = put_number(at, seq);
	*at++ = ',';
	at = put(at, body.ptr + 1, body.len - 2);
	at = put(at, LINE_MIDDLE, sizeof(LINE_MIDDLE) - 1);
	at = put(at, previous, LINE_HASH_TEXT);
	at = put(at, LINE_END "\n", sizeof(LINE_END));
	return (size_t)(at - out);
}

bool line_read_seq(struct slice line, uint64_t *seq)
{
	size_t digits;

	if (!slice_starts_with(line, SLICE_LITERAL(LINE_START)))
		return false;
	line = slice_from(line, sizeof(LINE_START) - 1);
	digits = slice_find_char(line, ',');
	if (digits == line.len || line.ptr[0] == '0')
		return false;
	/* Less than the largest number there is, so that a next one can be counted. */
	return slice_to_u64(slice_first(line, digits), INT64_MAX, seq) == 0;
}

static bool is_hash(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!ascii_is_digit(text.ptr[i]) && !(text.ptr[i] >= 'a' && text.ptr[i] <= 'f'))
			return false;
	}
	return text.len == LINE_HASH_TEXT;
}

bool line_read_previous(struct slice line, struct slice *previous)
{
	size_t tail = sizeof(LINE_MIDDLE LINE_END) - 1 + LINE_HASH_TEXT;

	if (line.len < tail || !slice_ends_with(line, SLICE_LITERAL(LINE_END)))
		return false;
	line = slice_from(line, line.len - tail);
	*previous = slice_first(slice_from(line, sizeof(LINE_MIDDLE) - 1), LINE_HASH_TEXT);
	return slice_starts_with(line, SLICE_LITERAL(LINE_MIDDLE)) && is_hash(*previous);
}

bool line_begins_journal(struct slice text)
{
	struct slice start = SLICE_LITERAL(LINE_START);

	return slice_starts_with(start, slice_first(text, start.len));
}

int line_hasher_init(struct line_hasher *hasher)
{
	hasher->method = EVP_MD_fetch(NULL, "SHA256", NULL);
	hasher->context = EVP_MD_CTX_new();
	if (hasher->method && hasher->context)
		return 0;
	line_hasher_free(hasher);
	return ERROR_CRYPTO;
}

void line_hasher_free(struct line_hasher *hasher)
{
	EVP_MD_CTX_free(hasher->context);
	EVP_MD_free(hasher->method);
	*hasher = (struct line_hasher){0};
}

int line_hash_start(struct line_hasher *hasher)
{
	return EVP_DigestInit_ex2(hasher->context, hasher->method, NULL) == 1 ? 0 : ERROR_CRYPTO;
}

int line_hash_add(struct line_hasher *hasher, struct slice part)
{
	return EVP_DigestUpdate(hasher->context, part.ptr, part.len) == 1 ? 0 : ERROR_CRYPTO;
}

int line_hash_finish(struct line_hasher *hasher, char hash[LINE_HASH_TEXT + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[EVP_MAX_MD_SIZE];

	if (EVP_DigestFinal_ex(hasher->context, bytes, NULL) != 1)
		return ERROR_CRYPTO;
	for (int i = 0; i < HASH_BYTES; i++) {
		hash[2 * i] = digits[bytes[i] >> 4];
		hash[2 * i + 1] = digits[bytes[i] & 15];
	}
	hash[LINE_HASH_TEXT] = '\0';
	return 0;
}

int line_hash(struct line_hasher *hasher, struct slice line, char hash[LINE_HASH_TEXT + 1])
{
	int rc = line_hash_start(hasher);

	if (rc == 0)
		rc = line_hash_add(hasher, line);
	return rc == 0 ? line_hash_finish(hasher, hash) : rc;
}
