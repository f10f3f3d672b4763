/* The names of DNS record types, for records and for people. */
#ifndef PROXY_AUDIT_DNS_TYPE_H
#define PROXY_AUDIT_DNS_TYPE_H

#include <stdint.h>

#include "base/slice.h"

enum { AUDIT_TYPE_BYTES = sizeof("TYPE65535") };

/* TYPE's mnemonic, or "TYPEn" (RFC 3597 section 5) for one without. It may point into TEXT. */
struct slice audit_dns_type(uint16_t type, char text[AUDIT_TYPE_BYTES]);

#endif
