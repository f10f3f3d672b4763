/* What the rooms of credentials.h share. Private to credentials*.c. */
#ifndef PROXY_SECRET_CREDENTIALS_ROOM_H
#define PROXY_SECRET_CREDENTIALS_ROOM_H

#include "proxy/secret/credentials.h"

/* Whether a field, or a parameter of a query, of this name holds a credential by custom. READS: the
 * request only reads, so that an address may be signed. */
bool credential_is_field(struct slice name);
bool credential_is_parameter(struct slice name, bool reads);

/* Whether TEXT begins as keys of well-known makers do. */
bool credential_looks_like_key(struct slice text);

/* The placeholder that is put into a slot of KIND, called NAME where it has one, of the field whose
 * name is at FIELD (or NULL); it must be all of TEXT. */
bool credential_is_planned(const struct secret_plan *plan, const char *field,
			   enum policy_slot_kind kind, struct slice name, struct slice text);

/* Whether the policy has a slot of KIND called NAME for this request. */
bool credential_is_slot(const struct secret_plan *plan, enum policy_slot_kind kind,
			struct slice name);

/* VALUE, of a Cookie field, without the cookies that are none of ours: VALUE itself when all are,
 * else in ARENA. 0 or -ENOMEM. */
int credential_keep_cookies(const struct secret_plan *plan, const struct http_field *field,
			    struct arena *arena, struct slice *value);

/* The first parameter of MESSAGE's query with a credential that is none of ours; its name, or an
 * empty slice. */
struct slice credential_find_parameter(const struct secret_plan *plan,
				       const struct http_message *message);

/* Takes the parameters that hold credentials out of MESSAGE's query. 0 or -ENOMEM. */
int credential_strip_query(const struct secret_plan *plan, struct http_message *message);

#endif
