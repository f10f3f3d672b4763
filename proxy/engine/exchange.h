/*
 * An exchange: one request, its verdict, and its response (design section 4).
 *
 * It stands between two legs that know the wire. The client's leg hands in the request and is given
 * the response; the origin's leg is given the request and hands in the response. Neither knows the
 * other, so that any version of HTTP can be on either side.
 *
 *   client leg --request-->  exchange: judge, scan, put secrets in  --request-->  origin leg
 *              <-response--            count, log                  <-response--
 *
 * States:
 *   state       means                                          next
 *   NEW         the leg is reading the head                    JUDGED
 *   COLLECTING  the whole body is awaited, as it may change    CONNECTING, OVER
 *   CONNECTING  allowed; a connection is awaited               SENDING, OVER
 *   SENDING     the head is sent; the body flows               RESPONDING, OVER
 *   RESPONDING  the response's head was passed on              OVER
 *   OVER        recorded; both legs are detached; the memory is released when the turn ends
 * A refusal or a failure goes to OVER from anywhere: with an answer of our own as long as no
 * response head was passed on, else by cutting the client off.
 *
 * Back-pressure: a leg that is congested makes the exchange pause the other one.
 */
#ifndef PROXY_ENGINE_EXCHANGE_H
#define PROXY_ENGINE_EXCHANGE_H

#include "policy/match.h"
#include "proxy/audit/record.h"
#include "proxy/engine/deadline.h"
#include "proxy/engine/engine.h"
#include "proxy/engine/exchange_body.h"
#include "proxy/engine/generation.h"
#include "proxy/engine/origin.h"
#include "proxy/http/flow.h"
#include "proxy/http/message.h"
#include "proxy/secret/inject.h"

struct sandbox;
struct websocket;
struct websocket_handshake;

enum exchange_state {
	EXCHANGE_NEW,
	EXCHANGE_COLLECTING,
	EXCHANGE_CONNECTING,
	EXCHANGE_SENDING,
	EXCHANGE_RESPONDING,
	EXCHANGE_OVER,
	EXCHANGE_STATE_COUNT,
};

/* How a response is scrubbed (exchange_scrub.h). */
enum exchange_scrub {
	EXCHANGE_SCRUB_NONE,
	EXCHANGE_SCRUB_TRY,
	EXCHANGE_SCRUB_MUST,
};

/* What is known of the client's connection, and holds for all of its exchanges. */
struct client_facts {
	enum policy_scheme scheme;
	bool has_host; /* HOST is what the connection was made to: by SNI, or by the synthetic
			  address */
	struct host host;
	uint16_t port;
	bool has_tls;
	struct host sni; /* empty text: none was sent */
	const char *tls_version;
	const char *tls_cipher;
	const char *tls_alpn;
	bool tls_resumed;
	/* Set when the connection was refused already, and HTTP is read only to say why. Not to be
	 * copied: its reason may point into it. */
	struct policy_verdict refusal;
	int refusal_status; /* 403 or 421 */
	bool is_refused;
	bool is_denied_by_policy; /* it is refused because no rule allows it */
	bool would_deny;	  /* the same in observe mode: it is let through, and marked */
};

/* What the client's leg does for an exchange. LEG is what it gave to exchange_create(). */
struct client_leg_ops {
	/* Passes a response head on. An informational one may be followed by more. CLOSE: the
	 * connection must not be used for another request. */
	void (*respond)(void *leg, const struct http_message *response, bool close);
	/* Passes the answer to a WebSocket's handshake on; from then on bodies are its frames, both
	 * ways. False: the client has not waited for it. */
	bool (*upgrade)(void *leg, const struct http_message *response);
	void (*data)(void *leg, struct slice data);
	void (*end)(void *leg, const struct http_fields *trailers);
	bool (*is_congested)(void *leg);
	/* Stops the request's body from being handed in, or lets it come. It is stopped at first.
	 */
	void (*pause_request)(void *leg, bool pause);
	/* The exchange is over. CUT: the response could not be finished, and the client must be
	 * able to tell. */
	void (*over)(void *leg, bool cut);
};

struct exchange {
	struct grave grave;
	struct sandbox *sandbox;
	enum exchange_state state;
	struct arena arena;
	const struct client_facts *facts;
	const struct client_leg_ops *ops;
	void *leg;
	struct origin *origin;
	struct deadline deadline;

	struct http_message request;
	struct slice original_path; /* before it was made canonical, for the log */
	struct policy_verdict verdict;
	bool would_deny;
	const char *would_reason;
	struct secret_plan plan;
	struct exchange_body body;
	struct http_fields trailers; /* of the request, until it is sent */

	struct generation_use request_use;  /* of the generation that its stages are of */
	struct generation_use response_use; /* the same */
	enum exchange_scrub scrub;
	bool response_flows; /* its body goes through: */
	struct flow response_flow;
	struct deadline idle; /* then it gives out what it holds back */
	struct http_fields response_trailers;
	uint64_t scrubbed;		    /* hits */
	const struct policy_secret *captor; /* to which tokens in the response belong */
	uint64_t captured;		    /* such tokens */

	struct websocket_handshake *handshake; /* NULL: no WebSocket is asked for */
	struct websocket *websocket;	       /* once the origin has agreed */

	bool reserved;	    /* a record has its room */
	bool request_ended; /* the client has sent all of it */
	bool request_sent;  /* and so have we */
	bool head_sent;	    /* to the origin */
	bool was_sent;	    /* the same, on this try or one before */
	bool was_retried;
	int informational; /* responses so far */
	int status;	   /* of the response passed on */
	uint64_t request_bytes;
	uint64_t response_bytes;
	int64_t started_us; /* monotonic */
	int64_t time_us;    /* wall clock */
	struct origin_facts origin_facts;
	bool has_origin_facts;
	/* Not cleared at the start, as most exchanges need neither. */
	char why[640]; /* of a refusal or failure */
	char allow_with[512];
};

/* Whether a real value goes into the request, or may. */
bool exchange_carries_secret(const struct exchange *exchange);

/* Called by the client's leg. */

/* A new exchange, in whose arena and request the leg parses the head. NULL without memory. */
struct exchange *exchange_create(struct sandbox *sandbox, const struct client_facts *facts,
				 const struct client_leg_ops *ops, void *leg);

/* The request's head is complete. */
void exchange_request(struct exchange *exchange);

/* The request cannot be read: it is answered with STATUS and WHY. */
void exchange_request_bad(struct exchange *exchange, int status, const char *why);

void exchange_request_data(struct exchange *exchange, struct slice data);
void exchange_request_end(struct exchange *exchange, struct http_fields *trailers);

/* The client is gone, or broke off. */
void exchange_client_gone(struct exchange *exchange, const char *why);

void exchange_client_drained(struct exchange *exchange);

/* Called by the origin's leg. */

void exchange_origin_ready(struct exchange *exchange);

/* The origin's leg is gone. STATUS is what the client is answered (502, 503 or 504), unless it is
 * tried again. */
void exchange_origin_failed(struct exchange *exchange, int status, const char *why,
			    enum origin_failure kind);

void exchange_response(struct exchange *exchange, struct http_message *response);
void exchange_response_data(struct exchange *exchange, struct slice data);
void exchange_response_end(struct exchange *exchange, struct http_fields *trailers);
void exchange_origin_drained(struct exchange *exchange);

/* Called by the exchange's WebSocket (websocket.h). */

/* It is over: ALLOW false with exchange->why, or ERROR, are for the record. CUT: without a close
 * frame. */
void exchange_end_websocket(struct exchange *exchange, bool allow, const char *error, bool cut);

#endif
