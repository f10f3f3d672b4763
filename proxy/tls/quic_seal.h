/* The protection of a client's Initial packets (RFC 9001 sections 5.2 to 5.4). Private to quic.c
 * and its tests. */
#ifndef PROXY_TLS_QUIC_SEAL_H
#define PROXY_TLS_QUIC_SEAL_H

#include "base/slice.h"
#include "proxy/tls/quic.h"

enum {
	QUIC_KEY_BYTES = 16,
	QUIC_IV_BYTES = 12,
	QUIC_TAG_BYTES = 16,
	QUIC_SAMPLE_BYTES = 16,
	QUIC_NUMBER_MAX_BYTES = 4, /* of a packet number on the wire */
};

struct quic_keys {
	uint8_t key[QUIC_KEY_BYTES];
	uint8_t iv[QUIC_IV_BYTES];
	uint8_t header_key[QUIC_KEY_BYTES];
};

/* The keys of a client whose first destination connection id is ID. QUIC_OK, QUIC_UNKNOWN_VERSION
 * or QUIC_NO_MEMORY. */
enum quic_problem quic_keys_derive(enum quic_version version, struct slice id,
				   struct quic_keys *keys);

/* The mask that is laid over the first byte and the packet number. */
enum quic_problem quic_keys_mask(const struct quic_keys *keys,
				 const uint8_t sample[QUIC_SAMPLE_BYTES],
				 uint8_t mask[QUIC_SAMPLE_BYTES]);

/* Opens PACKET, whose packet number begins at NUMBER_AT, into OUT, which has room for as many
 * bytes as PACKET has. A packet number is taken as it stands: nothing has been acknowledged yet
 * that it could be short for. */
enum quic_problem quic_keys_open(const struct quic_keys *keys, struct slice packet,
				 size_t number_at, uint8_t *out, size_t *len);

#endif
