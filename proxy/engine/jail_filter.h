/* The worker's seccomp filter: an allow-list, each call with its reason. */
#ifndef PROXY_ENGINE_JAIL_FILTER_H
#define PROXY_ENGINE_JAIL_FILTER_H

#include "base/error.h"

int jail_filter_load(struct error *err);

#endif
