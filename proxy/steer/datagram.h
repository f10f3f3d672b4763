/*
 * Datagrams on the sandbox's side: taken from the steered sockets, and answered through the raw
 * ones (steer.h) from the very address and port that they went to.
 *
 * Headers: RFC 791, RFC 768, RFC 8200; ICMP errors: RFC 792, RFC 1812 section 5.2.7.1, RFC 4443
 * section 3.1.
 */
#ifndef PROXY_STEER_DATAGRAM_H
#define PROXY_STEER_DATAGRAM_H

#include "base/slice.h"
#include "proxy/steer/steer.h"

/* Longer than any datagram's content. */
enum { DATAGRAM_MAX_BYTES = 64 << 10 };

/* Who sends to whom, without padding: equal flows have equal bytes. */
struct datagram_flow {
	uint8_t client[16]; /* in the sandbox; of IPv4, the first 4 */
	uint8_t remote[16]; /* that it sends to */
	uint16_t client_port;
	uint16_t remote_port;
	uint8_t family; /* 4 or 6 */
	uint8_t zero[3];
};

/* Receives one datagram from FD into BYTES. Its length (0 is one), or a negated errno; -EBADMSG for
 * one that does not say where it was sent to. *DROPPED is how many the socket had no room for,
 * since it is there; it is left alone when that is not told. */
ssize_t datagram_receive(int fd, void *bytes, size_t size, struct datagram_flow *flow,
			 uint32_t *dropped);

/* Sends PAYLOAD to FLOW's client, from its remote end. 0 or a negated errno; -EMSGSIZE for one that
 * does not fit into a packet of lo's 64 KiB: the kernel does not cut those that come with their
 * headers. */
int datagram_answer(int raw_fd, const struct datagram_flow *flow, struct slice payload);

enum datagram_error {
	DATAGRAM_PROHIBITED,
	DATAGRAM_NO_HOST,
	DATAGRAM_NO_PORT,
};

/* Tells FLOW's client that its datagram with LENGTH bytes was not delivered. 0 or a negated errno.
 */
int datagram_refuse(int raw_fd, const struct datagram_flow *flow, size_t length,
		    enum datagram_error error);

#endif
