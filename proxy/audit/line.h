/*
 * A line of the journal: the frame around a record's body, and the hash that chains lines.
 *
 *	{"v":1,"seq":N,BODY,"prev":"H"}
 *
 * The journal writes lines and verify reads them; both go by this file, so that they cannot come to
 * disagree.
 */
#ifndef PROXY_AUDIT_LINE_H
#define PROXY_AUDIT_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "base/error.h"
#include "base/slice.h"
#include "proxy/audit/record.h"

enum {
	LINE_HASH_TEXT = 64,
	LINE_FRAME_MAX = 128, /* what the frame and the newline add to a body at most */
	LINE_MAX_BYTES = AUDIT_BODY_MAX + LINE_FRAME_MAX,
};

/* What the first line of a chain has as its "prev". */
extern const char line_no_hash[LINE_HASH_TEXT + 1];

/* Writes the line for BODY with its newline to OUT, which has room for BODY.len + LINE_FRAME_MAX
 * bytes. Returns its length. */
size_t line_write(uint64_t seq, struct slice body, const char previous[LINE_HASH_TEXT + 1],
		  char *out);

/* Whether LINE, without its newline, begins as lines do; *SEQ is then its number. A line that was
 * cut off may still have one. */
bool line_read_seq(struct slice line, uint64_t *seq);

/* Whether LINE ends as lines do; *PREVIOUS is then the hash in it. */
bool line_read_previous(struct slice line, struct slice *previous);

/* Whether TEXT could be the beginning of a journal: it begins as a line does, or is shorter and is
 * the beginning of a line. */
bool line_begins_journal(struct slice text);

/* SHA-256, the method fetched once and the context used again and again. */
struct line_hasher {
	EVP_MD *method;
	EVP_MD_CTX *context;
};

int line_hasher_init(struct line_hasher *hasher);
void line_hasher_free(struct line_hasher *hasher);

/* The hash of a line in one go, or by its parts. 0 or ERROR_CRYPTO. */
int line_hash(struct line_hasher *hasher, struct slice line, char hash[LINE_HASH_TEXT + 1]);
int line_hash_start(struct line_hasher *hasher);
int line_hash_add(struct line_hasher *hasher, struct slice part);
int line_hash_finish(struct line_hasher *hasher, char hash[LINE_HASH_TEXT + 1]);

#endif
