/*
 * Requests that are signed by their sender (threat S16): with a placeholder in what was signed, the
 * signature is over the placeholder, and the server would refuse what we send. Such a request is
 * refused here, where the reason can be told.
 */
#ifndef PROXY_SECRET_SIGNATURE_H
#define PROXY_SECRET_SIGNATURE_H

#include "proxy/http/message.h"

/* What MESSAGE is signed by, for people: AWS signatures (version 2 and 4, in a field or in the
 * query), those of Google's storage, HTTP message signatures (RFC 9421) and their forerunners,
 * Hawk, OAuth 1 (RFC 5849), and Digest authentication (RFC 7616). NULL: it is not. */
const char *signature_of(const struct http_message *message);

#endif
