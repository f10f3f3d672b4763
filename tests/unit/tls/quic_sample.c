#include "tests/unit/tls/quic_sample.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/cursor.h"
#include "proxy/tls/quic_seal.h"

static const uint8_t ordinary_id[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};

/* A number as a varint of two bytes. */
static void put_varint(struct writer *w, size_t value)
{
	assert(value < 1 << 14);
	writer_u16(w, (uint16_t)(0x4000 | value));
}

size_t quic_sample_crypto(uint16_t offset, struct slice bytes, uint8_t *out, size_t size)
{
	struct writer w = writer_of(out, size);

	writer_u8(&w, 0x06);
	put_varint(&w, offset);
	put_varint(&w, bytes.len);
	writer_bytes(&w, bytes);
	assert(!w.error);
	return writer_length(&w);
}

static void seal(const struct quic_keys *keys, const struct quic_sample *sample,
		 struct slice header, struct writer *w)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	uint8_t nonce[QUIC_IV_BYTES], tag[QUIC_TAG_BYTES];
	int len;
	bool done;

	assert(writer_room(w) >= sample->payload.len + sizeof(tag));
	memcpy(nonce, keys->iv, sizeof(nonce));
	for (size_t i = 0; i < 4; i++)
		nonce[QUIC_IV_BYTES - 1 - i] ^= (uint8_t)(sample->number >> 8 * i);
	done = cipher && EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, keys->key, nonce) &&
	       EVP_EncryptUpdate(cipher, NULL, &len, (const uint8_t *)header.ptr,
				 (int)header.len) &&
	       EVP_EncryptUpdate(cipher, w->next, &len, (const uint8_t *)sample->payload.ptr,
				 (int)sample->payload.len) &&
	       EVP_EncryptFinal_ex(cipher, w->next + len, &len) &&
	       EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, sizeof(tag), tag);
	EVP_CIPHER_CTX_free(cipher);
	assert(done);
	w->next += sample->payload.len;
	writer_bytes(w, slice_of(tag, sizeof(tag)));
}

size_t quic_sample_initial(const struct quic_sample *sample, uint8_t *out, size_t size)
{
	bool two = sample->version == QUIC_VERSION_2;
	struct slice id = sample->id.len ? sample->id : slice_of(ordinary_id, sizeof(ordinary_id));
	size_t number_bytes = sample->number_bytes ? sample->number_bytes : 4;
	struct writer w = writer_of(out, size);
	struct quic_keys keys;
	uint8_t mask[QUIC_SAMPLE_BYTES];
	size_t number_at;

	writer_u8(&w, (uint8_t)((two ? 0xd0 : 0xc0) | sample->reserved | (number_bytes - 1)));
	writer_u32(&w, two ? 0x6b3343cf : 1);
	writer_u8(&w, (uint8_t)id.len);
	writer_bytes(&w, id);
	writer_u8(&w, 0); /* no source id */
	if (sample->token.len)
		put_varint(&w, sample->token.len);
	else
		writer_u8(&w, 0);
	writer_bytes(&w, sample->token);
	put_varint(&w, number_bytes + sample->payload.len + QUIC_TAG_BYTES);
	number_at = writer_length(&w);
	for (size_t i = number_bytes; i-- > 0;)
		writer_u8(&w, (uint8_t)(sample->number >> 8 * i));
	if (quic_keys_derive(sample->version, sample->key_id.len ? sample->key_id : id, &keys) !=
	    QUIC_OK)
		abort();
	seal(&keys, sample, slice_of(out, writer_length(&w)), &w);
	assert(!w.error && writer_length(&w) >= number_at + 4 + QUIC_SAMPLE_BYTES);
	if (quic_keys_mask(&keys, out + number_at + 4, mask) != QUIC_OK)
		abort();
	out[0] ^= mask[0] & 0x0f;
	for (size_t i = 0; i < number_bytes; i++)
		out[number_at + i] ^= mask[1 + i];
	return writer_length(&w);
}
