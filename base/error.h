/*
 * Errors. A function returns 0 or a count, or a negative code: a negated errno, or one of the codes
 * below, which start past the last errno. Where a person will read of the failure, the function
 * also fills a struct error, whose text says what is wrong, where, and how to mend it.
 *
 * A struct error lives on its user's stack and owns nothing, so that running out of memory can be
 * reported too. Passing NULL for it is allowed everywhere: the code is returned all the same.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <errno.h>
#include <stddef.h>

enum error_code {
	ERROR_OK = 0,
	/* -1 ... -4095 are negated errnos. */
	ERROR_FIRST = -5000,
	ERROR_SYNTAX = ERROR_FIRST, /* bytes that are not of the expected form */
	ERROR_LIMIT = -5001,	    /* a bound of ours was reached */
	ERROR_INCOMPLETE = -5002,   /* well-formed so far, and more is needed */
	ERROR_EOF = -5003,	    /* the peer ended in an orderly way */
	ERROR_TRUNCATED = -5004,    /* the peer ended in the middle */
	ERROR_UNSUPPORTED = -5005,  /* understood, and refused */
	ERROR_MISMATCH = -5006,	    /* two things that must agree do not */
	ERROR_VERIFY = -5007,	    /* a signature, certificate or hash does not hold */
	ERROR_CRYPTO = -5008,	    /* the TLS library failed */
	ERROR_DENIED = -5009,	    /* the policy says no */
	ERROR_CONFIG = -5010,	    /* a file that a person wrote is wrong */
	ERROR_NOT_FOUND = -5011,
	ERROR_TIMEOUT = -5012,
	ERROR_LAST = ERROR_TIMEOUT,
};

enum { ERROR_TEXT_BYTES = 1024 };

struct error {
	int code;
	char text[ERROR_TEXT_BYTES];
};

/* The name of CODE for a log line: strerror's text for an errno, our own for ours. Never NULL. */
const char *error_name(int code);

/* Fills ERR (which may be NULL) with CODE and the formatted text; returns CODE. A text that is too
 * long is cut and ends in an ellipsis. */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As error_set(), and appends ": " and the name of CODE. */
int error_set_code(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts context before what ERR already says: "CONTEXT: TEXT". Returns ERR's code, or CODE if ERR is
 * NULL. */
int error_wrap(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
