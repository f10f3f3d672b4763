/* ClientHellos to order, for tests: each part can be replaced by bytes of the test's choice. */
#ifndef TESTS_UNIT_TLS_SAMPLE_H
#define TESTS_UNIT_TLS_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { SAMPLE_MAX_BYTES = 512 << 10 };

/* What is left empty is filled with what an ordinary client sends. */
struct sample {
	uint16_t legacy_version;
	uint8_t message_type;
	struct slice session_id;
	struct slice ciphers;	  /* as on the wire, without their length */
	struct slice compression; /* the same */
	struct slice extensions;  /* the same */
	bool without_extensions;  /* not even their length */
	struct slice behind;	  /* bytes added to the body */
};

/* Writes the handshake message, with its header; returns its length. */
size_t sample_message(const struct sample *sample, uint8_t *out, size_t size);

/* Puts MESSAGE into records that carry FRAGMENT bytes each; returns their length. */
size_t sample_records(struct slice message, size_t fragment, uint8_t *out, size_t size);

/* Both, in as few records as can be. */
size_t sample_hello(const struct sample *sample, uint8_t *out, size_t size);

/* Writes an extension to OUT; returns its length. */
size_t sample_extension(uint16_t type, struct slice body, uint8_t *out, size_t size);

/* A server_name extension with NAME in it. */
size_t sample_server_name(struct slice name, uint8_t *out, size_t size);

/* The extensions of a browser of 2025: GREASE, ECH GREASE, an X25519MLKEM768 key share of 1,216
 * bytes, ALPN h2 and http/1.1, TLS 1.3 and 1.2. The name stands behind the key share. */
size_t sample_browser_extensions(struct slice name, uint8_t *out, size_t size);

#endif
