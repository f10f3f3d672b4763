/* What is wrong with text that is not YAML, in words for people who do not know libyaml's. */
#ifndef POLICY_YAML_FAULT_H
#define POLICY_YAML_FAULT_H

#include <yaml.h>

#include "policy/diagnostic.h"

/* Adds the fault that PARSER stopped at. */
void yaml_fault_report(const yaml_parser_t *parser, struct diagnostics *diagnostics);

#endif
