/* QUIC packets to order, for tests and fuzzing. */
#ifndef TESTS_UNIT_TLS_QUIC_SAMPLE_H
#define TESTS_UNIT_TLS_QUIC_SAMPLE_H

#include "base/slice.h"
#include "proxy/tls/quic.h"

enum { QUIC_SAMPLE_MAX_BYTES = 8 << 10 };

/* What is left empty is filled with what an ordinary client sends. */
struct quic_sample {
	enum quic_version version; /* one whose keys are known */
	struct slice id;	   /* the destination's; empty: eight bytes */
	struct slice key_id;	   /* by which it is sealed, if that is another */
	struct slice token;
	uint32_t number; /* the packet's */
	size_t number_bytes;
	uint8_t reserved;     /* bits to be set in the first byte, under its protection */
	struct slice payload; /* frames, in the clear */
};

/* Writes a sealed client's Initial; returns its length. */
size_t quic_sample_initial(const struct quic_sample *sample, uint8_t *out, size_t size);

/* Writes a CRYPTO frame; returns its length. */
size_t quic_sample_crypto(uint16_t offset, struct slice bytes, uint8_t *out, size_t size);

#endif
