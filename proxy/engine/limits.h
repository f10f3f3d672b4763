/*
 * The engine's bounds (design section 3, rule 16): each with what happens when it bites. Those that
 * a protocol's parser owns are in its header.
 */
#ifndef PROXY_ENGINE_LIMITS_H
#define PROXY_ENGINE_LIMITS_H

enum {
	/* Connections from one sandbox at once; one more is reset, with a record. */
	LIMIT_CONNECTIONS = 8192,
	/* Connections accepted in one wake-up; the rest wait for the next. */
	LIMIT_ACCEPTS = 64,
	/* Requests to origins that wait for a connection, for one authority; one more is answered
	   503. */
	LIMIT_WAITING = 4096,
	/* Idle upstream connections kept, for one authority and in all; the oldest is closed. */
	LIMIT_IDLE_PER_AUTHORITY = 128, /* more than the streams of one client */
	LIMIT_IDLE = 1024,
	/* Authorities without a connection of which it is remembered what they speak; the oldest is
	 * forgotten. */
	LIMIT_REMEMBERED = 1024,
	/* Streams of one HTTP/2 connection, on either side; more wait, or get a connection of their
	   own. */
	LIMIT_STREAMS = 100,
	/* Informational responses before a final one; one more is a 502. */
	LIMIT_INFORMATIONAL = 16,
	/* Bytes of a request's body read and dropped after an early response, before the connection
	   is closed. */
	LIMIT_DRAIN_BYTES = 1 << 20,
	/* Bytes read from one connection in one wake-up. */
	LIMIT_READ_BYTES = 256 << 10,
	/* Bytes received ahead of what may be processed (pipelined requests, a paused body). */
	LIMIT_AHEAD_BYTES = 128 << 10,
	/* What the requests' bodies of one sandbox hold that are collected before they are sent;
	   one more is answered 503. */
	LIMIT_COLLECTED_BYTES = 32 << 20,
	/* What the messages of all WebSockets of one sandbox hold; those that need more are closed
	   with 1011. */
	LIMIT_MESSAGE_BYTES = 128 << 20,
	/* Flows of datagrams of one sandbox at once; one more is refused. */
	LIMIT_FLOWS = 1024,
	/* Datagrams, of one flow, and their bytes, of all flows of a sandbox, that wait while names
	   are resolved; more are dropped. */
	LIMIT_FLOW_WAITING = 16,
	LIMIT_FLOW_WAITING_BYTES = 1 << 20,
	/* Datagrams passed on in one wake-up, from one socket. */
	LIMIT_DATAGRAMS = 64,
	/* Addresses tried for one connection. */
	LIMIT_ATTEMPTS = 8,
};

/* Seconds. */
/* A client that opens hundreds of connections at once may take long to come to each. */
#define TIMEOUT_SNIFF 30.0 /* the first byte of a connection; then it is reset */
#define TIMEOUT_SNIFF_ODD                                                                          \
	2.0 /* the same, on a port that no rule names: protocols in which servers speak first */
#define TIMEOUT_HELLO 30.0  /* the whole ClientHello, and the handshake after it */
#define TIMEOUT_HEAD  30.0  /* from the first byte of a request's head to its last: 408 */
#define TIMEOUT_BODY  120.0 /* between two pieces of a request's body: 408 */
#define TIMEOUT_IDLE  300.0 /* a client connection between requests; closed */
#define TIMEOUT_HALF_CLOSED                                                                        \
	60.0 /* a client that has closed its half, while nothing comes for it; aborted */
#define TIMEOUT_LINGER	     5.0  /* a closing connection is read from before it is closed */
#define TIMEOUT_CONNECT	     15.0 /* all attempts to reach an origin together: 504 */
#define TIMEOUT_ATTEMPT	     0.25 /* before the next address is tried beside (RFC 8305 section 5) */
#define TIMEOUT_TLS_UPSTREAM 15.0 /* the handshake with an origin: 504 */
#define TIMEOUT_RESPONSE                                                                           \
	900.0 /* from the request to the response's head, and between pieces of its body */
#define TIMEOUT_HOLD_BACK 0.02 /* without more of a response: what is held back of it goes on */
#define TIMEOUT_POOL	  50.0 /* an idle upstream connection; closed */
#define TIMEOUT_PASSTHROUGH                                                                        \
	3600.0 /* a passed-through connection without a byte in either direction; closed */
#define TIMEOUT_WEBSOCKET 3600.0 /* a WebSocket without a byte in either direction; closed */
#define TIMEOUT_CLOSING	  10.0	 /* the answer to a close frame, and the end behind it */
#define TIMEOUT_FLOW	  120.0	 /* without a datagram; the flow ends (RFC 4787 section 4.3) */
#define TIMEOUT_FLOW_SHORT                                                                         \
	30.0 /* the same, while no more than one datagram was sent, or none has come back */
#define PAUSE_VERDICTS 0.01 /* when the supervisor takes none */
#define PAUSE_ACCEPT   0.1  /* when descriptors or memory are exhausted */

#endif
