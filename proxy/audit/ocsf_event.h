/* Building an OCSF event: its parts that say who spoke to whom of what (ocsf_event.c), for ocsf.c,
 * which knows the classes. */
#ifndef PROXY_AUDIT_OCSF_EVENT_H
#define PROXY_AUDIT_OCSF_EVENT_H

#include <jansson.h>

#include "base/slice.h"

struct ocsf {
	json_t *event;
	bool failed; /* for want of memory */
};

struct ocsf_text {
	struct slice text;
};

/* Each adds NAME to OBJECT, a part of the event. VALUE is taken over; NULL is want of memory. */
void ocsf_put(struct ocsf *o, json_t *object, const char *name, json_t *value);
void ocsf_put_text(struct ocsf *o, json_t *object, const char *name, struct slice text);
void ocsf_put_caption(struct ocsf *o, json_t *object, const char *name, const char *text);
void ocsf_put_number(struct ocsf *o, json_t *object, const char *name, json_int_t number);
void ocsf_put_true(struct ocsf *o, json_t *object, const char *name);

/* A new object in PARENT, which keeps it; NULL without memory, and then nothing is put into it. */
json_t *ocsf_open(struct ocsf *o, json_t *parent, const char *name);

/* Takes it out again if nothing was put in. */
void ocsf_close(struct ocsf *o, json_t *parent, const char *name);

/* The fields of each class that are its own. */
void ocsf_fill_http(struct ocsf *o, const json_t *record);
void ocsf_fill_dns(struct ocsf *o, const json_t *record);
void ocsf_fill_network(struct ocsf *o, const json_t *record);
void ocsf_fill_life(struct ocsf *o, const json_t *record);
void ocsf_fill_nothing(struct ocsf *o, const json_t *record);

#endif
