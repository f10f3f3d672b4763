/* The receiving half of an HTTP/2 session: for h2_session.c only. */
#ifndef PROXY_ENGINE_H2_INPUT_H
#define PROXY_ENGINE_H2_INPUT_H

#include "proxy/engine/h2_session.h"

void h2_input_set_callbacks(nghttp2_session_callbacks *callbacks);

/* Hands on what streams hold. */
void h2_input_hand_on(struct h2_session *session);

/* The frame costs COST of the budget. */
void h2_input_charge(struct h2_session *session, double cost);
void h2_input_credit(struct h2_session *session);

#endif
