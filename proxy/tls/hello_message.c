#include "proxy/tls/hello_message.h"

#include <string.h>

#include "base/cursor.h"

enum {
	RANDOM_BYTES = 32,
	SESSION_ID_MAX_BYTES = 32,
	COMPRESSION_NONE = 0,
	CIPHER_RENEGOTIATION_SCSV = 0x00ff,
	CIPHER_FALLBACK_SCSV = 0x5600,
	VERSION_TLS10 = 0x0301,
	VERSION_TLS12 = 0x0303,
	VERSION_TLS13 = 0x0304,
	NAME_TYPE_HOST = 0,
	ECH_OUTER = 0,
	ECH_INNER = 1,
};

/* Those that are read; the others are only counted (twice is once too many). */
enum extension_type {
	EXTENSION_SERVER_NAME = 0,
	EXTENSION_ALPN = 16,
	EXTENSION_PRE_SHARED_KEY = 41,
	EXTENSION_EARLY_DATA = 42,
	EXTENSION_SUPPORTED_VERSIONS = 43,
	EXTENSION_COOKIE = 44,
	EXTENSION_ECH = 0xfe0d,
	EXTENSION_RENEGOTIATION_INFO = 0xff01,
	EXTENSION_TYPES = 1 << 16,
};

/* What is read of an extension: BODY in its cursor. A cursor that failed, or that has bytes left
 * behind, makes the ClientHello malformed. */
typedef enum hello_problem extension_reader(struct hello *hello, struct reader *body);

/* Told apart for the log; all are refused. */
static enum hello_problem judge_name(struct hello *hello, struct slice name)
{
	bool only_digits_and_dots = true;

	if (name.len == 0)
		return HELLO_NAME_EMPTY;
	if (slice_find_char(name, '\0') < name.len)
		return HELLO_NAME_NUL;
	for (size_t i = 0; i < name.len; i++) {
		if (!ascii_is_digit(name.ptr[i]) && name.ptr[i] != '.')
			only_digits_and_dots = false;
	}
	if (only_digits_and_dots || slice_find_char(name, ':') < name.len)
		return HELLO_NAME_IS_ADDRESS;
	if (host_parse_name(name, &hello->sni) < 0)
		return HELLO_NAME_INVALID;
	hello->has_sni = true;
	return HELLO_OK;
}

/* RFC 6066 section 3: one or more names, but only one of each type, and only one type exists. */
static enum hello_problem read_server_name(struct hello *hello, struct reader *body)
{
	struct reader list = reader_of(reader_vector16(body));
	struct slice name;
	uint8_t type;

	if (body->error || reader_left(&list) == 0)
		return body->error ? HELLO_MALFORMED : HELLO_NAME_COUNT;
	type = reader_u8(&list);
	if (type != NAME_TYPE_HOST)
		return HELLO_NAME_TYPE;
	name = reader_vector16(&list);
	if (list.error)
		return HELLO_MALFORMED;
	if (reader_left(&list) > 0)
		return HELLO_NAME_COUNT;
	return judge_name(hello, name);
}

static void keep_protocol(struct hello *hello, struct slice name)
{
	size_t size = 1 + name.len;

	if (slice_equal(name, SLICE_LITERAL("h2")))
		hello->offers_h2 = true;
	if (slice_equal(name, SLICE_LITERAL("http/1.1")))
		hello->offers_http11 = true;
	if (hello->alpn_cut || size > sizeof(hello->alpn) - hello->alpn_bytes) {
		hello->alpn_cut = true;
		return;
	}
	hello->alpn[hello->alpn_bytes] = (uint8_t)name.len;
	memcpy(hello->alpn + hello->alpn_bytes + 1, name.ptr, name.len);
	hello->alpn_bytes = (uint16_t)(hello->alpn_bytes + size);
}

/* RFC 7301 section 3.1: one or more names, none of them empty. */
static enum hello_problem read_alpn(struct hello *hello, struct reader *body)
{
	struct reader list = reader_of(reader_vector16(body));

	if (reader_left(&list) == 0)
		return HELLO_MALFORMED;
	while (reader_left(&list) > 0) {
		struct slice name = reader_vector8(&list);

		if (list.error || name.len == 0)
			return HELLO_MALFORMED;
		keep_protocol(hello, name);
	}
	hello->has_alpn = true;
	return HELLO_OK;
}

/* RFC 8446 section 4.2.1. Versions that we do not know (GREASE, RFC 8701, and drafts) are passed
 * over. */
static enum hello_problem read_supported_versions(struct hello *hello, struct reader *body)
{
	struct reader list = reader_of(reader_vector8(body));

	if (reader_left(&list) == 0 || reader_left(&list) % 2 != 0)
		return HELLO_MALFORMED;
	hello->offers_tls12 = false;
	while (reader_left(&list) > 0) {
		uint16_t version = reader_u16(&list);

		hello->offers_tls12 |= version == VERSION_TLS12;
		hello->offers_tls13 |= version == VERSION_TLS13;
	}
	hello->has_supported_versions = true;
	return HELLO_OK;
}

/* draft-ietf-tls-esni section 5. */
static enum hello_problem read_ech(struct hello *hello, struct reader *body)
{
	uint8_t form = reader_u8(body);
	struct slice enc, payload;

	if (!body->error && form == ECH_INNER)
		return HELLO_ECH_INNER;
	if (form != ECH_OUTER)
		return HELLO_MALFORMED;
	hello->ech.kdf = reader_u16(body);
	hello->ech.aead = reader_u16(body);
	hello->ech.config_id = reader_u8(body);
	enc = reader_vector16(body);
	payload = reader_vector16(body);
	if (payload.len == 0)
		return HELLO_MALFORMED;
	hello->ech.enc_bytes = (uint16_t)enc.len;
	hello->ech.payload_bytes = (uint16_t)payload.len;
	hello->has_ech = true;
	return HELLO_OK;
}

static enum hello_problem read_early_data(struct hello *hello, struct reader *body)
{
	(void)body;
	hello->has_early_data = true;
	return HELLO_OK;
}

/* RFC 8446 section 4.2.11: identities and binders, each at least one. */
static enum hello_problem read_pre_shared_key(struct hello *hello, struct reader *body)
{
	struct slice identities = reader_vector16(body);
	struct slice binders = reader_vector16(body);

	if (identities.len == 0 || binders.len == 0)
		return HELLO_MALFORMED;
	hello->has_pre_shared_key = true;
	return HELLO_OK;
}

static enum hello_problem read_cookie(struct hello *hello, struct reader *body)
{
	if (reader_vector16(body).len == 0)
		return HELLO_MALFORMED;
	hello->has_cookie = true;
	return HELLO_OK;
}

static enum hello_problem read_renegotiation_info(struct hello *hello, struct reader *body)
{
	struct slice verify_data = reader_vector8(body);

	if (verify_data.len > 0)
		return HELLO_RENEGOTIATION;
	hello->has_renegotiation_info = true;
	return HELLO_OK;
}

static const struct extension_row {
	enum extension_type type;
	extension_reader *read;
} extension_rows[] = {
	{EXTENSION_SERVER_NAME, read_server_name},
	{EXTENSION_ALPN, read_alpn},
	{EXTENSION_PRE_SHARED_KEY, read_pre_shared_key},
	{EXTENSION_EARLY_DATA, read_early_data},
	{EXTENSION_SUPPORTED_VERSIONS, read_supported_versions},
	{EXTENSION_COOKIE, read_cookie},
	{EXTENSION_ECH, read_ech},
	{EXTENSION_RENEGOTIATION_INFO, read_renegotiation_info},
};

static enum hello_problem read_extension(struct hello *hello, uint16_t type, struct slice bytes)
{
	for (size_t i = 0; i < sizeof(extension_rows) / sizeof(extension_rows[0]); i++) {
		struct reader body = reader_of(bytes);
		enum hello_problem problem;

		if (extension_rows[i].type != type)
			continue;
		problem = extension_rows[i].read(hello, &body);
		if (problem == HELLO_OK && !reader_done(&body))
			return HELLO_MALFORMED;
		return problem;
	}
	return HELLO_OK;
}

/* RFC 8446 section 4.2. A bit for each type seen: the list may hold thousands, and comparing each
 * with each would be quadratic. */
static enum hello_problem read_extensions(struct hello *hello, struct slice bytes)
{
	uint8_t seen[EXTENSION_TYPES / 8] = {0};
	struct reader list = reader_of(bytes);

	while (reader_left(&list) > 0) {
		uint16_t type = reader_u16(&list);
		struct slice body = reader_vector16(&list);
		uint8_t bit = (uint8_t)(1 << type % 8);
		enum hello_problem problem;

		if (list.error)
			return HELLO_MALFORMED;
		if (seen[type / 8] & bit)
			return HELLO_DUPLICATE;
		seen[type / 8] |= bit;
		problem = read_extension(hello, type, body);
		if (problem != HELLO_OK)
			return problem;
		if (type == EXTENSION_PRE_SHARED_KEY && reader_left(&list) > 0)
			return HELLO_PSK_NOT_LAST;
	}
	return HELLO_OK;
}

/* Cipher suites that are signals, not ciphers. */
static enum hello_problem read_cipher_suites(struct hello *hello, struct slice bytes)
{
	struct reader list = reader_of(bytes);

	if (bytes.len == 0 || bytes.len % 2 != 0)
		return HELLO_MALFORMED;
	while (reader_left(&list) > 0) {
		uint16_t suite = reader_u16(&list);

		hello->has_renegotiation_info |= suite == CIPHER_RENEGOTIATION_SCSV;
		hello->has_fallback_scsv |= suite == CIPHER_FALLBACK_SCSV;
	}
	return HELLO_OK;
}

static bool offers_no_compression(struct slice methods)
{
	return slice_find_char(methods, COMPRESSION_NONE) < methods.len;
}

enum hello_problem hello_read_message(struct hello *hello, struct slice body)
{
	struct reader r = reader_of(body);
	struct slice session_id, ciphers, compression, extensions = SLICE_EMPTY;

	hello->legacy_version = reader_u16(&r);
	reader_skip(&r, RANDOM_BYTES);
	session_id = reader_vector8(&r);
	ciphers = reader_vector16(&r);
	compression = reader_vector8(&r);
	/* TLS 1.2 allowed the whole block to be absent (RFC 5246 section 7.4.1.2). */
	if (reader_left(&r) > 0)
		extensions = reader_vector16(&r);
	if (!reader_done(&r) || session_id.len > SESSION_ID_MAX_BYTES || compression.len == 0)
		return HELLO_MALFORMED;
	if (hello->legacy_version < VERSION_TLS10 || hello->legacy_version > VERSION_TLS12)
		return HELLO_VERSION;
	if (read_cipher_suites(hello, ciphers) != HELLO_OK)
		return HELLO_MALFORMED;
	if (!offers_no_compression(compression))
		return HELLO_COMPRESSION;
	hello->offers_tls12 = hello->legacy_version == VERSION_TLS12;
	return read_extensions(hello, extensions);
}
