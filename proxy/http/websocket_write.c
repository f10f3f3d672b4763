#include "proxy/http/websocket.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/base64.h"
#include "base/cursor.h"

enum {
	KEY_BYTES = 24, /* in base64 */
	NONCE_BYTES = 16,
	SHA1_BYTES = 20,
};

size_t websocket_write_head(enum websocket_opcode opcode, uint64_t length, const uint8_t *mask,
			    uint8_t out[WEBSOCKET_FRAME_HEAD_MAX_BYTES])
{
	return websocket_write_fragment_head(opcode, true, length, mask, out);
}

size_t websocket_write_fragment_head(enum websocket_opcode opcode, bool is_last, uint64_t length,
				     const uint8_t *mask,
				     uint8_t out[WEBSOCKET_FRAME_HEAD_MAX_BYTES])
{
	struct writer w = writer_of(out, WEBSOCKET_FRAME_HEAD_MAX_BYTES);
	uint8_t masked = mask ? 0x80 : 0;

	writer_u8(&w, (uint8_t)((is_last ? 0x80 : 0) | opcode));
	if (length < 126) {
		writer_u8(&w, (uint8_t)(masked | length));
	} else if (length <= UINT16_MAX) {
		writer_u8(&w, masked | 126);
		writer_u16(&w, (uint16_t)length);
	} else {
		writer_u8(&w, masked | 127);
		writer_u32(&w, (uint32_t)(length >> 32));
		writer_u32(&w, (uint32_t)length);
	}
	if (mask)
		writer_bytes(&w, slice_of(mask, 4));
	return writer_length(&w);
}

void websocket_mask(uint8_t *bytes, size_t length, const uint8_t mask[4], uint64_t offset)
{
	uint8_t turned[8];
	uint64_t wide, word;
	size_t at = 0;

	for (size_t i = 0; i < 8; i++)
		turned[i] = mask[(offset + i) % 4];
	memcpy(&wide, turned, 8);
	for (; length - at >= 8; at += 8) {
		memcpy(&word, bytes + at, 8);
		word ^= wide;
		memcpy(bytes + at, &word, 8);
	}
	for (; at < length; at++)
		bytes[at] ^= turned[at % 8];
}

bool websocket_is_key(struct slice key)
{
	char nonce[KEY_BYTES / 4 * 3];

	return key.len == KEY_BYTES && base64_decode(key, nonce) == NONCE_BYTES;
}

int websocket_accept(struct slice key, char out[WEBSOCKET_ACCEPT_BYTES])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char text[KEY_BYTES + sizeof(guid) - 1];
	unsigned char hash[SHA1_BYTES];

	if (!websocket_is_key(key))
		return ERROR_SYNTAX;
	memcpy(text, key.ptr, KEY_BYTES);
	memcpy(text + KEY_BYTES, guid, sizeof(guid) - 1);
	if (EVP_Digest(text, sizeof(text), hash, NULL, EVP_sha1(), NULL) != 1)
		return ERROR_CRYPTO;
	base64_encode(slice_of(hash, sizeof(hash)), out);
	return 0;
}

bool websocket_is_close_code(unsigned int code)
{
	/* 1004 has no meaning; 1005, 1006 and 1015 stand for what no frame said. Those from 3000 on
	 * are for libraries, those from 4000 on for applications. */
	static const struct {
		unsigned int first, last;
	} ranges[] = {{1000, 1003}, {1007, 1014}, {3000, 4999}};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return false;
}
