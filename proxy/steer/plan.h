/* Checks of a plan, made before anything is done with it. */
#ifndef PROXY_STEER_PLAN_H
#define PROXY_STEER_PLAN_H

#include "base/error.h"
#include "proxy/steer/steer.h"

/* 0, or a negative code and a text that names what is wrong. */
int plan_check(const struct steer_plan *plan, struct error *err);

#endif
