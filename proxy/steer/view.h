/*
 * What COMMAND sees of the files: the host's, with some places hidden and some replaced. All of it
 * is made in a mount namespace that COMMAND has no rights over; what COMMAND mounts in a namespace
 * of its own it cannot take away from under ours (the kernel locks mounts that come from a more
 * privileged namespace).
 */
#ifndef PROXY_STEER_VIEW_H
#define PROXY_STEER_VIEW_H

#include <stdbool.h>

#include "base/error.h"
#include "proxy/steer/steer.h"
#include "proxy/steer/surroundings.h"

/* The store: a small file system of ours, read-only in the end, with the files of the plan at its
 * top and ours in a directory beside. */
#define VIEW_OWN_DIR STEER_RUNTIME_DIR "/.sandbox"

struct view {
	const struct steer_plan *plan;
	const struct surroundings *surroundings;
	bool ipv6;
};

/* Makes all of it. */
int view_arrange(const struct view *view, struct error *err);

/* Its parts, in their order. */
int view_arrange_proc(struct error *err);
int view_arrange_runtime(const struct view *view, struct error *err);
int view_arrange_devices(const struct view *view, struct error *err);
int view_arrange_sys(struct error *err);
int view_arrange_store(const struct view *view, struct error *err);
int view_arrange_host_files(const struct view *view, struct error *err);
int view_arrange_overlays(const struct view *view, struct error *err);
int view_arrange_pins(const struct view *view, struct error *err);
int view_arrange_masks(const struct view *view, struct error *err);
int view_arrange_read_only(const struct view *view, struct error *err);

#endif
