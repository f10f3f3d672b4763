/*
 * Credentials that are none of ours: what whoever runs in a sandbox brings along to use an allowed
 * host as somebody else, and so as a way out (threats N12, S20). A rule's "credentials" says what
 * is done about them (policy.h).
 *
 * A credential is looked for where servers take one: in fields by their names (a table, the ends of
 * names, and the slots that the policy itself names), in any field that says "Bearer" or "Basic",
 * in subprotocols of WebSockets that are made for it, in cookies, and in parameters of the query by
 * their names. Names are compared as the laxest server reads them (field_name.h): without case, "_"
 * for "-", parameters decoded as often as they can be, behind ";" as well, and without "[...]".
 *
 * Ours is a placeholder that is put in there, and what the rule sets: the whole value, but for a
 * scheme before it, and for the other half of Basic credentials as long as that looks like no key.
 *
 * An address that is signed (X-Amz-Signature and the like) has a credential in it unless it is only
 * read: downloads are redirected to such addresses, and whoever signed it cannot be written to.
 *
 * Not looked at: bodies; and a path without a slot.
 */
#ifndef PROXY_SECRET_CREDENTIALS_H
#define PROXY_SECRET_CREDENTIALS_H

#include "proxy/secret/inject.h"

/* Takes out every credential: fields, cookies, and parameters of the query. 0 or -ENOMEM. Called
 * before secret_plan_set() and secret_plan_make(): no placeholder of it is looked at. */
int credentials_take_out(const struct secret_plan *plan, struct http_message *message);

/* Where a credential is that is none of ours. */
struct credentials_foreign {
	const char *where; /* "field", "parameter" or "path"; NULL: there is none */
	struct slice name; /* as the request has it; of the path: the slot's secret */
};

/* Looks for one that is none of ours, behind secret_plan_make(). Cookies that are none of ours are
 * taken out and are no reason to refuse: they are kept by programs unasked, as servers gave them.
 * 0 or -ENOMEM. */
int credentials_find_foreign(const struct secret_plan *plan, struct http_message *message,
			     struct credentials_foreign *foreign);

/* Takes credentials out of trailers, where some servers take fields from, and none is ever ours. */
void credentials_drop_trailers(const struct secret_plan *plan, struct http_fields *trailers);

#endif
