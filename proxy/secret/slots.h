/*
 * Placeholders in the body of a request, and in its cookies, query and path: put in where a slot
 * is, dealt with as misuse everywhere else (design section 3, rule 8; threats S8, S11, S14, S15).
 *
 * What is found where is asked of the owner: a callback is told the entry, the slot's kind and name
 * or pointer, and says whether the real value goes in, the placeholder stays, it is taken out, or
 * the request is refused. The value is escaped as its place demands.
 *
 * Stages (http/stage.h) rewrite bodies in streams. They follow the syntax of the text, and hold
 * back nothing but what could be the beginning of a placeholder, in whatever form or spelling
 * (find.h). What they cannot follow, because it is not of the syntax or passes a bound, has no
 * slots by name or pointer from there on, and is still looked at.
 */
#ifndef PROXY_SECRET_SLOTS_H
#define PROXY_SECRET_SLOTS_H

#include "policy/policy.h"
#include "proxy/http/stage.h"
#include "proxy/secret/store.h"

enum {
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
 * the judge refuses; ERROR_LIMIT when OUT is full. */

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

/* Stages for bodies. OWNER must outlive them; it is asked about each placeholder in the order of
 * the bytes. What is refused fails with ERROR_DENIED. All but the placeholders stays byte for byte.
 * Where no narrower slot stands, the place is POLICY_SLOT_BODY (of a message, POLICY_SLOT_WS
 * without a pointer). A judge that puts a value in where PLACE is disguised is not obeyed: that
 * fails too. NULL without memory. */

/* JSON (RFC 8259). A placeholder in a string that is a value, or a part of it, stands at the
 * pointer of that value, in the slot KIND: POLICY_SLOT_JSON, or for a message of a WebSocket
 * POLICY_SLOT_WS. JSON's own escapes are no disguise. */
struct stage *slots_json_stage(const struct slots_owner *owner, enum policy_slot_kind kind);

/* application/x-www-form-urlencoded. Percent-encoding is no disguise. In a field with a bare ";" in
 * it, which some take for "&", no slot of its name stands. */
struct stage *slots_form_stage(const struct slots_owner *owner);

/* multipart/form-data (RFC 7578). A placeholder in a part stands in the slot "form" of its name,
 * but not in a file, nor in a part that not everybody reads alike (with a transfer encoding, with
 * several names). */
struct stage *slots_multipart_stage(const struct slots_owner *owner, struct slice boundary);

/* Any other body, or message of a WebSocket: KIND, POLICY_SLOT_BODY or POLICY_SLOT_WS, everywhere.
 */
struct stage *slots_text_stage(const struct slots_owner *owner, enum policy_slot_kind kind);

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
