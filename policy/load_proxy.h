/* "network: proxy": the HTTP proxy that origins are reached through. */
#ifndef POLICY_LOAD_PROXY_H
#define POLICY_LOAD_PROXY_H

#include "policy/schema.h"

/* What its place looks like, for editors (ECMA 262). */
#define PROXY_PATTERN "^(http://)?([A-Za-z0-9.-]+|\\[[0-9A-Fa-f:]+\\]):[0-9]+/?$"

/* KEY's value, into the policy. What may be dialled ("private") is known by then. */
void load_proxy(struct loader *loader, const struct yaml_node *key);

#endif
