/* DNS messages for tests: queries to order, and a reader of responses that shares nothing with the
 * code under test but the cursor. */
#ifndef TESTS_UNIT_DNS_MESSAGE_H
#define TESTS_UNIT_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	MESSAGE_MAX_BYTES = 4096,
	MESSAGE_RECORDS_MAX = 8,
	MESSAGE_ID = 0x1234,
};

/* A query for NAME ("a.example"; "" is the root) with RD set, and with EDNS when UDP_BYTES is not
 * 0. Returns its length. */
size_t message_query(const char *name, uint16_t type, uint16_t udp_bytes,
		     uint8_t out[MESSAGE_MAX_BYTES]);

struct message_record {
	uint16_t type;
	uint16_t class;
	uint32_t ttl;
	struct slice data;
};

struct message {
	uint16_t id;
	uint16_t flags;
	uint16_t questions;
	struct slice question; /* name, type and class, as they stand */
	size_t answers;
	struct message_record answer[MESSAGE_RECORDS_MAX];
	bool has_opt;
	uint16_t opt_bytes;
	uint16_t opt_flags;
	unsigned int rcode; /* with the extended bits */
	int extended;	    /* -1: none */
	struct slice extended_text;
};

/* Whether BYTES is a well-formed response and nothing else. Names of records must be the pointer to
 * the question. */
bool message_read(struct slice bytes, struct message *message);

#endif
