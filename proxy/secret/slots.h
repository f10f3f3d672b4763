/*
 * Placeholders in the body of a request, and in its cookies, query and path: put in where a slot
 * is, dealt with as misuse everywhere else (design section 3, rule 8; threats S8, S11, S14, S15).
 *
 * What is found where is asked of the owner: a callback is told the entry, the slot's kind and name
 * or pointer, and says whether the real value goes in, the placeholder stays, it is taken out, or
 * the request is refused. The value is escaped as its place demands.
 *
 * Stages (http/stage.h) rewrite bodies in streams. They hold at most one value of one string or
 * field that may have a slot, within SLOTS_VALUE_MAX_BYTES; a longer one that begins with or holds
 * a placeholder's beginning is refused, all other bytes stream.
 */
#ifndef PROXY_SECRET_SLOTS_H
#define PROXY_SECRET_SLOTS_H

#include "policy/policy.h"
#include "proxy/http/stage.h"
#include "proxy/secret/store.h"

enum {
	SLOTS_VALUE_MAX_BYTES = 64 << 10,
	SLOTS_DEPTH_MAX = 128,		/* of JSON */
	SLOTS_BOUNDARY_MAX_BYTES = 200, /* of multipart; RFC 2046 section 5.1.1 allows 70 */
	SLOTS_PART_HEAD_MAX_BYTES = 8 << 10,
};

enum slots_verdict {
	SLOTS_KEEP,   /* the placeholder stays: inert */
	SLOTS_PUT_IN, /* the real value */
	SLOTS_TAKE_OUT,
	SLOTS_REFUSE,
};

/* Where a placeholder was found. */
struct slots_place {
	enum policy_slot_kind kind;  /* of the slot that stands there; POLICY_SLOT_COUNT: none */
	struct slice name;	     /* cookie, query, form: the decoded name */
	const struct slice *pointer; /* json, ws: the decoded tokens of the path to the value */
	size_t pointer_count;
	bool disguised; /* found only after decoding more than the place itself does (threat S8) */
};

typedef enum slots_verdict slots_judge(void *owner, const struct secret_entry *entry,
				       const struct slots_place *place);

struct slots_owner {
	const struct secret_store *store;
	slots_judge *judge;
	void *owner;
};

/* Rewrites of what stands in a head, to OUT. Placeholders are found in every form and spelling
 * (find.h): one that its place reads (in a query and a path: decoded once) stands in a slot, any
 * other is disguised. The judge is asked about each, in order; the rest stays byte for byte. OUT
 * may be NULL: then nothing is written, and the judge is asked all the same. 0; ERROR_DENIED when
 * the judge refuses; ERROR_LIMIT when OUT is full, or for more than 256 placeholders. */

/* A query ("?a=b&c=d"): names are compared decoded, "+" being a space; all values of a name are in
 * the slot. */
int slots_rewrite_query(const struct slots_owner *owner, struct slice query,
			struct secret_output *out);

/* The value of a Cookie field. All cookies of a name are in the slot. */
int slots_rewrite_cookie(const struct slots_owner *owner, struct slice value,
			 struct secret_output *out);

/* A canonical path: a placeholder that is a whole segment stands in the slot "path". */
int slots_rewrite_path(const struct slots_owner *owner, struct slice path,
		       struct secret_output *out);

/* Text that is all in one place: PLACE, but for "disguised". */
int slots_rewrite_text(const struct slots_owner *owner, const struct slots_place *place,
		       struct slice text, struct secret_output *out);

/* Stages for bodies. OWNER must outlive them. NULL without memory. */
struct stage *slots_json_stage(const struct slots_owner *owner);
struct stage *slots_form_stage(const struct slots_owner *owner);
struct stage *slots_multipart_stage(const struct slots_owner *owner, struct slice boundary);

/* Any other body: kind POLICY_SLOT_BODY everywhere. */
struct stage *slots_text_stage(const struct slots_owner *owner);

/* The boundary parameter of a multipart Content-Type (RFC 2046 section 5.1.1, RFC 7578). 0 or
 * ERROR_SYNTAX. */
int slots_find_boundary(struct slice content_type, char out[SLOTS_BOUNDARY_MAX_BYTES],
			size_t *length);

/* What kind of body a Content-Type says it is. */
enum slots_body {
	SLOTS_BODY_OTHER,
	SLOTS_BODY_JSON, /* application/json, and +json */
	SLOTS_BODY_FORM,
	SLOTS_BODY_MULTIPART,
};

enum slots_body slots_body_of(struct slice content_type);

#endif
