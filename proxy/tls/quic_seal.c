#include "proxy/tls/quic_seal.h"

#include <assert.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/cursor.h"

enum {
	SALT_BYTES = 20,
	SECRET_BYTES = 32,
	LABEL_MAX_BYTES = 64,
	RESERVED_BITS = 0x0c,
	NUMBER_LENGTH_BITS = 0x03,
	MASKED_BITS = 0x0f, /* of a long header's first byte */
};

/* RFC 9001 section 5.2, RFC 9369 section 3.3. */
static const struct version_row {
	enum quic_version version;
	uint8_t salt[SALT_BYTES];
	const char *key, *iv, *header_key;
} rows[] = {
	{QUIC_VERSION_1,
	 {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
	  0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
	 "tls13 quic key",
	 "tls13 quic iv",
	 "tls13 quic hp"},
	{QUIC_VERSION_2,
	 {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
	  0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
	 "tls13 quicv2 key",
	 "tls13 quicv2 iv",
	 "tls13 quicv2 hp"},
};

static bool hmac(struct slice key, struct slice text, uint8_t out[SECRET_BYTES])
{
	return HMAC(EVP_sha256(), key.ptr, (int)key.len, (const uint8_t *)text.ptr, text.len, out,
		    NULL) != NULL;
}

/* HKDF-Expand-Label (RFC 8446 section 7.1) without a context, for at most one block. */
static bool expand(const uint8_t secret[SECRET_BYTES], const char *label, uint8_t *out, size_t len)
{
	uint8_t info[LABEL_MAX_BYTES], block[SECRET_BYTES];
	struct writer w = writer_of(info, sizeof(info));

	assert(len <= sizeof(block));
	writer_u16(&w, (uint16_t)len);
	writer_u8(&w, (uint8_t)strlen(label));
	writer_text(&w, label);
	writer_u8(&w, 0); /* no context */
	writer_u8(&w, 1); /* HKDF's counter */
	if (w.error ||
	    !hmac(slice_of(secret, SECRET_BYTES), slice_of(info, writer_length(&w)), block))
		return false;
	memcpy(out, block, len);
	return true;
}

enum quic_problem quic_keys_derive(enum quic_version version, struct slice id,
				   struct quic_keys *keys)
{
	uint8_t initial[SECRET_BYTES], client[SECRET_BYTES];
	const struct version_row *row = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].version == version)
			row = &rows[i];
	}
	if (!row)
		return QUIC_UNKNOWN_VERSION;
	if (!hmac(slice_of(row->salt, SALT_BYTES), id, initial) ||
	    !expand(initial, "tls13 client in", client, sizeof(client)) ||
	    !expand(client, row->key, keys->key, sizeof(keys->key)) ||
	    !expand(client, row->iv, keys->iv, sizeof(keys->iv)) ||
	    !expand(client, row->header_key, keys->header_key, sizeof(keys->header_key)))
		return QUIC_NO_MEMORY;
	return QUIC_OK;
}

enum quic_problem quic_keys_mask(const struct quic_keys *keys,
				 const uint8_t sample[QUIC_SAMPLE_BYTES],
				 uint8_t mask[QUIC_SAMPLE_BYTES])
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int len;
	bool done = cipher &&
		    EVP_EncryptInit_ex(cipher, EVP_aes_128_ecb(), NULL, keys->header_key, NULL) &&
		    EVP_CIPHER_CTX_set_padding(cipher, 0) &&
		    EVP_EncryptUpdate(cipher, mask, &len, sample, QUIC_SAMPLE_BYTES);

	EVP_CIPHER_CTX_free(cipher);
	return done ? QUIC_OK : QUIC_NO_MEMORY;
}

/* A packet's parts once its header is bare. */
struct bared {
	uint8_t first;
	struct slice between; /* of the first byte and the packet number */
	uint8_t number[QUIC_NUMBER_MAX_BYTES];
	size_t number_bytes;
	struct slice sealed;
	const uint8_t *tag;
};

static enum quic_problem bare_header(const struct quic_keys *keys, struct slice packet,
				     size_t number_at, struct bared *bared)
{
	const uint8_t *bytes = (const uint8_t *)packet.ptr;
	uint8_t mask[QUIC_SAMPLE_BYTES];
	enum quic_problem problem;
	size_t payload_at;

	if (packet.len < number_at + QUIC_NUMBER_MAX_BYTES + QUIC_SAMPLE_BYTES)
		return QUIC_CUT_OFF;
	problem = quic_keys_mask(keys, bytes + number_at + QUIC_NUMBER_MAX_BYTES, mask);
	if (problem != QUIC_OK)
		return problem;
	bared->first = bytes[0] ^ (mask[0] & MASKED_BITS);
	bared->between = slice_of(bytes + 1, number_at - 1);
	bared->number_bytes = 1 + (bared->first & NUMBER_LENGTH_BITS);
	for (size_t i = 0; i < bared->number_bytes; i++)
		bared->number[i] = bytes[number_at + i] ^ mask[1 + i];
	payload_at = number_at + bared->number_bytes;
	/* The sample's length, checked above, leaves room for the tag. */
	bared->sealed = slice_of(bytes + payload_at, packet.len - payload_at - QUIC_TAG_BYTES);
	bared->tag = bytes + packet.len - QUIC_TAG_BYTES;
	return QUIC_OK;
}

static void make_nonce(const struct quic_keys *keys, const struct bared *bared,
		       uint8_t nonce[QUIC_IV_BYTES])
{
	size_t from = QUIC_IV_BYTES - bared->number_bytes;

	memcpy(nonce, keys->iv, QUIC_IV_BYTES);
	for (size_t i = 0; i < bared->number_bytes; i++)
		nonce[from + i] ^= bared->number[i];
}

static bool add_header(EVP_CIPHER_CTX *cipher, const void *bytes, size_t len)
{
	int added;

	return EVP_DecryptUpdate(cipher, NULL, &added, bytes, (int)len);
}

static enum quic_problem open_sealed(EVP_CIPHER_CTX *cipher, const struct quic_keys *keys,
				     const struct bared *bared, uint8_t *out)
{
	uint8_t nonce[QUIC_IV_BYTES], tag[QUIC_TAG_BYTES];
	int len;

	make_nonce(keys, bared, nonce);
	memcpy(tag, bared->tag, sizeof(tag));
	if (!EVP_DecryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, keys->key, nonce) ||
	    !EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) ||
	    !add_header(cipher, &bared->first, 1) ||
	    !add_header(cipher, bared->between.ptr, bared->between.len) ||
	    !add_header(cipher, bared->number, bared->number_bytes))
		return QUIC_NO_MEMORY;
	if (!EVP_DecryptUpdate(cipher, out, &len, (const uint8_t *)bared->sealed.ptr,
			       (int)bared->sealed.len) ||
	    EVP_DecryptFinal_ex(cipher, out + len, &len) <= 0)
		return QUIC_UNAUTHENTIC;
	return bared->first & RESERVED_BITS ? QUIC_RESERVED_BITS : QUIC_OK;
}

enum quic_problem quic_keys_open(const struct quic_keys *keys, struct slice packet,
				 size_t number_at, uint8_t *out, size_t *len)
{
	struct bared bared;
	enum quic_problem problem = bare_header(keys, packet, number_at, &bared);
	EVP_CIPHER_CTX *cipher;

	if (problem != QUIC_OK)
		return problem;
	cipher = EVP_CIPHER_CTX_new();
	problem = cipher ? open_sealed(cipher, keys, &bared, out) : QUIC_NO_MEMORY;
	EVP_CIPHER_CTX_free(cipher);
	*len = bared.sealed.len;
	return problem;
}
