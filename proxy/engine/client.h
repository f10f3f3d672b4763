/*
 * The client's leg: one TCP connection from a sandbox, from its first byte to its last.
 *
 * One that a tcp:// rule allows is relayed at once (passthrough.h), before any of this.
 *
 *   state        waits for                                    then
 *   SNIFFING     the first bytes                              HELLO, SERVING (plain HTTP), or reset
 *   HELLO        the whole ClientHello                        verdict: HANDSHAKING, passed through,
 * or refused HANDSHAKING  TLS with a leaf for the name                 SERVING, CLOSED SERVING
 * requests, one exchange after the other       LINGERING, CLOSED LINGERING    the client to read
 * our last answer           CLOSED
 *
 * No SSL object exists before the verdict on the name. A connection that is refused is still
 * served, with a leaf made for it alone, so that the refusal can be told in HTTP (design section 3,
 * rule 12); it gets no further than that.
 *
 * Every connection that ends without an exchange leaves one record of kind tls or tcp.
 */
#ifndef PROXY_ENGINE_CLIENT_H
#define PROXY_ENGINE_CLIENT_H

#include "proxy/engine/deadline.h"
#include "proxy/engine/exchange.h"
#include "proxy/engine/stream.h"
#include "proxy/http/h1_body.h"
#include "proxy/http/h1_write.h"
#include "proxy/tls/hello.h"

struct sandbox;
struct client_h2;

enum client_state {
	CLIENT_SNIFFING,
	CLIENT_HELLO,
	CLIENT_HANDSHAKING,
	CLIENT_SERVING,
	CLIENT_LINGERING,
	CLIENT_CLOSED,
	CLIENT_STATE_COUNT,
};

struct client {
	struct grave grave;
	struct list node; /* in the sandbox's list */
	struct sandbox *sandbox;
	enum client_state state;
	struct stream stream;
	struct deadline deadline;
	struct client_facts facts;
	struct address destination; /* that the client dialled */
	struct buffer received;	    /* not used yet */
	struct hello *hello;	    /* while it is read */
	bool recorded;		    /* the connection, or an exchange on it, has a record */
	int64_t started_us;
	int64_t time_us;

	struct client_h2 *h2; /* HTTP/2 (client_h2.c); NULL: HTTP/1.1 */

	/* HTTP/1.1 (client_http.c). */
	struct exchange *exchange;
	size_t scanned;
	bool in_body;	       /* the request's body is being read */
	bool request_paused;   /* by the exchange */
	bool close_after;      /* no further request is read */
	bool cut_off;	       /* nothing more is written */
	bool half_closed;      /* the client has closed its half */
	uint8_t minor_version; /* of the request */
	bool takes_informational;
	enum h1_framing framing; /* of the response */
	bool upgraded;		 /* to a WebSocket: bodies are its frames */
	struct h1_body body;
	uint64_t drained_bytes;
	uint64_t sent_mark; /* while lingering: what had been sent when we last looked */
	bool head_begun;    /* bytes of a request have come, and not its whole head */
};

/* Takes over FD, accepted on a transparent socket from PEER's address to DESTINATION. */
void client_accept(struct sandbox *sandbox, int fd, const struct address *destination,
		   uint16_t port);

/* Closes at once. ABORT: by a reset. */
void client_close(struct client *client, bool abort);

/* For the files of the client's leg. */

/* The connection's bytes are HTTP from here on; INPUT is what has been read of them. */
void client_serve(struct client *client, struct slice input);
void client_read_http(struct client *client);
void client_http_drained(struct client *client);
void client_http_broken(struct client *client);
void client_http_late(struct client *client);

/* Ends our half, and waits for the client to have read what was sent. */
void client_linger(struct client *client);

/* The same for HTTP/2. */
void client_h2_serve(struct client *client);
void client_h2_read(struct client *client);
void client_h2_drained(struct client *client);
void client_h2_late(struct client *client);
/* Ends all streams. */
void client_h2_free(struct client *client, const char *why);

/* The verdict on a connection whose ClientHello is known. */
void client_judge_hello(struct client *client, struct slice received);

/* Writes the connection's record: what was refused (ALLOW false, TEXT the reason), or what failed
 * (TEXT the error). */
void client_record(struct client *client, enum audit_kind kind, bool allow, const char *text);

/* Gives the connection up to be passed through, which leaves the record of KIND; refuses it if
 * there can be none. The client is closed. */
void client_pass(struct client *client, enum audit_kind kind, struct slice received);

/* Connections as such (client_flow.c). */

/* Has the connection relayed if a tcp:// rule allows it. Then the client is closed. */
bool client_relay(struct client *client);

/* Refuses a connection in which the client has sent RECEIVED, which is of no protocol that we read
 * (empty: in which it has sent nothing), and says what would let it through. */
void client_refuse_unknown(struct client *client, struct slice received);

/* Whether a TLS connection to PORT is known to hold no HTTP, in which a denial of it could be told.
 */
bool client_is_dns_over_tls(uint16_t port);

/* Refuses the connection by a record and a reset. */
void client_refuse(struct client *client, enum audit_kind kind, const char *reason);

#endif
