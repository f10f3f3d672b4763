/* "methods" of a rule or of a use. */
#ifndef POLICY_LOAD_METHODS_H
#define POLICY_LOAD_METHODS_H

#include "policy/schema.h"

/* Reads KEY's value, a method or a list of them, into METHODS. */
void load_methods(struct loader *loader, const struct yaml_node *key,
		  struct policy_methods *methods);

/* Refuses TRACE among METHODS of requests that a secret is put into. */
void load_refuse_trace(struct loader *loader, const struct policy_methods *methods,
		       struct diagnostic_place place);

#endif
