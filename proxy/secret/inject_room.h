/* What the rooms of inject.h share. Private to inject*.c. */
#ifndef PROXY_SECRET_INJECT_ROOM_H
#define PROXY_SECRET_INJECT_ROOM_H

#include "proxy/secret/inject.h"

/* While placeholders are sorted: into those that are bound to where they stand, and misuses. */
struct planner {
	const struct secret_store *store;
	struct secret_plan *plan;
	struct arena *arena;
	enum secret_place place;
	const char *field; /* as in struct secret_item */
	bool strips;	   /* something is to be taken out */
	int error;
};

/* The judge (slots.h) of planning, whose owner is a struct planner. */
enum slots_verdict planner_judge(void *owner, const struct secret_entry *entry,
				 const struct slots_place *place);

struct slots_owner planner_owner(struct planner *planner);

/* Plans for a text by REWRITE, and takes out of it what must be, again and again, as what is left
 * may close up to another placeholder. */
typedef int planner_rewrite(const struct slots_owner *owner, struct slice text,
			    struct secret_output *out);

int planner_settle(struct planner *planner, planner_rewrite *rewrite, struct slice *text);

/* The same for text without any slot. */
int planner_settle_bare(struct planner *planner, struct slice *text);

/* Whether a field's value has Basic credentials (RFC 7617): what is behind "Basic ", decoded to
 * OUT. */
bool basic_decode(struct slice value, char *out, size_t size, struct slice *decoded);

/* Plans for Basic credentials, which stand in *VALUE and are DECODED. */
int basic_plan(struct planner *planner, struct slice name, struct slice decoded,
	       struct slice *value);

int fields_plan(struct planner *planner, struct http_message *message);

/* While real values are put in. */
struct applier {
	const struct secret_store *store;
	struct secret_plan *plan;
	const char *field;
	struct secret_output out; /* the front half of the scratch memory */
	char *back;		  /* the other half, for what must be wiped at once */
};

enum slots_verdict applier_judge(void *owner, const struct secret_entry *entry,
				 const struct slots_place *place);

struct slots_owner applier_owner(struct applier *applier);

/* FIELD has VALUE until undo. */
int applier_replace(struct applier *applier, struct http_field *field, struct slice value);

int basic_apply(struct applier *applier, struct slice name, struct slice value);
int fields_apply(struct applier *applier, struct http_message *message);
int target_apply(struct applier *applier, struct http_message *message);
int set_apply(struct applier *applier, struct http_message *message);

#endif
