/*
 * QUIC, as far as it can be read from outside: which version a datagram is of (RFC 8999), and the
 * ClientHello in a client's Initial packets, whose keys anybody can derive (RFC 9001 section 5.2,
 * RFC 9369 section 3.3). For the name of a packet that is refused, never for a verdict that lets
 * one through.
 *
 * A ClientHello may be scattered over CRYPTO frames in any order, over the packets of a datagram,
 * and over several datagrams. struct quic_initial collects it; each datagram that
 * quic_initial_continues() may be given to it. It has its own memory, of a fixed size.
 *
 *   status            after quic_initial_read()                        fields that hold
 *   QUIC_MORE         it is QUIC; the ClientHello is not whole yet     header
 *   QUIC_DONE         the ClientHello has been read; final             header, hello
 *   QUIC_NOT_QUIC     no long header of QUIC; final                    none
 *   QUIC_UNREADABLE   QUIC that cannot be read; final                  header, problem
 */
#ifndef PROXY_TLS_QUIC_H
#define PROXY_TLS_QUIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "proxy/tls/hello.h"

enum {
	QUIC_ID_MAX_BYTES = 20,	      /* RFC 9000 section 17.2 */
	QUIC_STREAM_MAX_BYTES = 8192, /* of the ClientHello, with its header */
	QUIC_PACKET_MAX_BYTES = 4096, /* of one Initial's payload */
	QUIC_PACKETS_MAX = 16,	      /* Initials that are opened for one ClientHello */
};

enum quic_version {
	QUIC_VERSION_1,	       /* RFC 9000 */
	QUIC_VERSION_2,	       /* RFC 9369 */
	QUIC_VERSION_NONE,     /* Version Negotiation (RFC 8999 section 6) */
	QUIC_VERSION_RESERVED, /* to exercise negotiation (RFC 9000 section 15) */
	QUIC_VERSION_DRAFT,
	QUIC_VERSION_GOOGLE, /* from before the RFCs: Q043, T051 */
	QUIC_VERSION_OTHER,  /* by its form alone: other protocols may look like it */
	QUIC_VERSION_COUNT,
};

enum quic_type {
	QUIC_INITIAL,
	QUIC_0RTT,
	QUIC_HANDSHAKE,
	QUIC_RETRY,
	QUIC_TYPE_UNKNOWN, /* types are a version's own business */
};

/* What the start of a packet with a long header says. */
struct quic_header {
	uint32_t number; /* of the version */
	enum quic_version version;
	enum quic_type type;
	uint8_t destination_id[QUIC_ID_MAX_BYTES];
	uint8_t destination_id_bytes;
};

enum quic_status {
	QUIC_MORE,
	QUIC_DONE,
	QUIC_NOT_QUIC,
	QUIC_UNREADABLE,
};

enum quic_problem {
	QUIC_OK,
	QUIC_UNKNOWN_VERSION, /* its keys are not known */
	QUIC_SHORT_ID,	      /* a client's first destination id has 8 bytes or more */
	QUIC_CUT_OFF,	      /* the packet is longer than what is there of it */
	QUIC_TOO_LARGE,	      /* over one of the bounds above */
	QUIC_UNAUTHENTIC,     /* the seal does not fit: altered, or never a client's Initial */
	QUIC_RESERVED_BITS,   /* RFC 9000 section 17.2 */
	QUIC_FRAME,	      /* one that is malformed, or has no place in an Initial */
	QUIC_CONFLICT,	      /* two different bytes for one place of the stream */
	QUIC_HELLO,	      /* the ClientHello is refused; hello.problem says why */
	QUIC_NO_MEMORY,
	QUIC_PROBLEM_COUNT,
};

struct quic_initial {
	enum quic_status status;
	enum quic_problem problem;
	struct quic_header header; /* of the first packet */
	struct hello hello;

	/* What has come of the stream; not for others. */
	size_t packets;
	size_t whole; /* so many bytes from its start on are there */
	uint8_t stream[QUIC_STREAM_MAX_BYTES];
	uint8_t have[QUIC_STREAM_MAX_BYTES / 8]; /* a bit for each byte that is there */
};

/* Reads the header of the packet at the start of DATAGRAM. False: it is no long header of QUIC. */
bool quic_read_header(struct slice datagram, struct quic_header *header);

void quic_initial_init(struct quic_initial *initial);

/* Reads the payload of one UDP datagram (or several that were sent as one by segmentation offload),
 * as much of it as there is, and returns the new status. To be called while that is QUIC_MORE. */
enum quic_status quic_initial_read(struct quic_initial *initial, struct slice datagram);

/* Whether DATAGRAM is of the connection attempt of which INITIAL has read some and needs more. */
bool quic_initial_continues(const struct quic_initial *initial, struct slice datagram);

/* Why it is unreadable, for people and the log. Never NULL. */
const char *quic_initial_problem_text(const struct quic_initial *initial);

/* "QUIC version 1", "a draft of QUIC". Never NULL. */
const char *quic_version_name(enum quic_version version);

#endif
