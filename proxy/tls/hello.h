/*
 * The ClientHello, read whole by us before any TLS library sees a byte (design section 4, threats
 * T4 to T8): TLS records (RFC 8446 section 5.1), the handshake message (section 4.1.2), and of its
 * extensions what a verdict needs. However it is split over segments and records, the result is the
 * same. The second ClientHello after a HelloRetryRequest is not read here.
 *
 * The caller keeps what the connection sent and calls hello_read() with all of it each time that
 * more has come. The parser remembers how far it got, so that each byte is looked at once while
 * waiting, however small the pieces, and once more when the message is there; it owns no memory.
 *
 *   hello->status    after hello_read()                              fields that hold
 *   HELLO_MORE       well-formed so far; call again with more        none
 *   HELLO_DONE       the whole ClientHello is there                  all but problem
 *   HELLO_REFUSED    it cannot become one that we accept; final      problem
 */
#ifndef PROXY_TLS_HELLO_H
#define PROXY_TLS_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "policy/host.h"

enum {
	HELLO_MAX_BYTES = 64 << 10,	 /* of the ClientHello's body */
	HELLO_RAW_MAX_BYTES = 128 << 10, /* of all the records that carry it */
	HELLO_ALPN_MAX_BYTES = 256,	 /* of the ALPN names that are kept */
	HELLO_ALERT_BYTES = 7,
};

enum hello_status {
	HELLO_MORE,
	HELLO_DONE,
	HELLO_REFUSED,
};

enum hello_problem {
	HELLO_OK,
	HELLO_NOT_TLS,	      /* the first byte is not one of a TLS record */
	HELLO_SSLV2,	      /* RFC 6101 appendix E */
	HELLO_RECORD_TYPE,    /* an alert or the like where the ClientHello belongs */
	HELLO_RECORD_VERSION, /* SSL 3.0, or no version of TLS */
	HELLO_RECORD_LENGTH,  /* empty, or over 2^14 bytes */
	HELLO_MESSAGE_TYPE,   /* another handshake message */
	HELLO_TOO_LARGE,      /* over HELLO_MAX_BYTES, or its records over HELLO_RAW_MAX_BYTES */
	HELLO_TRAILING,	      /* handshake bytes behind it in its last record */
	HELLO_MALFORMED,      /* lengths that do not add up */
	HELLO_VERSION,	      /* legacy_version is not TLS 1.0 to 1.2 */
	HELLO_COMPRESSION,    /* "no compression" is not offered */
	HELLO_DUPLICATE,      /* an extension twice */
	HELLO_PSK_NOT_LAST,   /* RFC 8446 section 4.2.11 */
	HELLO_RENEGOTIATION,  /* renegotiation_info not empty (RFC 5746 section 3.6) */
	HELLO_ECH_INNER,      /* the inner form, which never stands on the wire */
	HELLO_NAME_COUNT,     /* server_name: none, or more than one */
	HELLO_NAME_TYPE,      /* server_name: not of type host_name */
	HELLO_NAME_EMPTY,
	HELLO_NAME_NUL,	       /* threat H1 */
	HELLO_NAME_IS_ADDRESS, /* not permitted by RFC 6066 section 3 */
	HELLO_NAME_INVALID,    /* not a host name by host_parse_name() */
	HELLO_NO_MEMORY,
	HELLO_PROBLEM_COUNT,
};

/* Alert descriptions (RFC 8446 section 6). */
enum hello_alert {
	HELLO_ALERT_NONE = -1, /* the peer does not speak TLS: close */
	HELLO_ALERT_UNEXPECTED_MESSAGE = 10,
	HELLO_ALERT_RECORD_OVERFLOW = 22,
	HELLO_ALERT_HANDSHAKE_FAILURE = 40,
	HELLO_ALERT_ILLEGAL_PARAMETER = 47,
	HELLO_ALERT_ACCESS_DENIED = 49,
	HELLO_ALERT_DECODE_ERROR = 50,
	HELLO_ALERT_PROTOCOL_VERSION = 70,
	HELLO_ALERT_INTERNAL_ERROR = 80,
	HELLO_ALERT_UNRECOGNIZED_NAME = 112,
};

/* The encrypted_client_hello extension, outer form (draft-ietf-tls-esni section 5). A client that
 * has no key sends it filled at random (GREASE, section 6.2); from outside the two cannot be told
 * apart. */
struct hello_ech {
	uint8_t config_id;
	uint16_t kdf;
	uint16_t aead;
	uint16_t enc_bytes;
	uint16_t payload_bytes;
};

struct hello {
	enum hello_status status;
	enum hello_problem problem;

	size_t raw_bytes;  /* of the input up to the end of the ClientHello's last record */
	size_t body_bytes; /* of the handshake message without its header */
	bool has_sni;
	struct host sni;
	bool has_alpn;
	bool offers_h2;
	bool offers_http11;
	uint8_t alpn[HELLO_ALPN_MAX_BYTES]; /* ProtocolName vectors as sent (RFC 7301 3.1), whole
					     * ones, as many as fit */
	uint16_t alpn_bytes;
	bool alpn_cut; /* there were more */
	uint16_t legacy_version;
	bool has_supported_versions;
	bool offers_tls12; /* by supported_versions, or else by legacy_version */
	bool offers_tls13;
	bool has_ech;
	struct hello_ech ech;
	bool has_early_data;
	bool has_pre_shared_key;
	bool has_cookie; /* an answer to a HelloRetryRequest, odd in a first ClientHello */
	bool has_renegotiation_info; /* the extension or its signalling cipher suite (RFC 5746) */
	bool has_fallback_scsv;	     /* RFC 7507 */

	/* How far the parser got; not for others. */
	size_t next;	     /* of the input, the first byte not yet looked at */
	size_t record_left;  /* payload bytes of the current record from there on */
	size_t message_have; /* handshake bytes seen */
	uint8_t message_header[4];
};

void hello_init(struct hello *hello);

/* RECEIVED is all that the connection has sent so far, from its first byte; it may lie elsewhere
 * than at the last call. Bytes behind the ClientHello's last record are left alone. Returns the new
 * status. */
enum hello_status hello_read(struct hello *hello, struct slice received);

/* The same for a ClientHello that came without records (QUIC's, RFC 9001 section 4.1.3). MESSAGE is
 * all of it, with the handshake header. HELLO_DONE or HELLO_REFUSED. */
enum hello_status hello_read_message_alone(struct hello *hello, struct slice message);

/* What is wrong, for people and the log: "the server name is an IP address". Never NULL. */
const char *hello_problem_text(enum hello_problem problem);

/* The alert that tells the client so. */
enum hello_alert hello_problem_alert(enum hello_problem problem);

/* Writes a fatal alert as one TLS record (RFC 8446 sections 5.1 and 6). */
void hello_write_alert(enum hello_alert alert, uint8_t out[HELLO_ALERT_BYTES]);

#endif
