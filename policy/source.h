/*
 * The text of a policy before it is YAML. What passes is UTF-8 made of visible characters, spaces,
 * tabs and line breaks (LF or CR LF): nothing that a reviewer cannot see, that turns the direction
 * of the text around, or that a YAML reader takes for a line break and an editor does not.
 */
#ifndef POLICY_SOURCE_H
#define POLICY_SOURCE_H

#include "base/slice.h"
#include "policy/diagnostic.h"

/* Whether people see CODE_POINT as what it is. False for control characters, line and paragraph
 * separators, zero-width and direction characters, tags and noncharacters. */
bool source_is_visible(uint32_t code_point);

/* The offset of the first byte of S that does not start a visible character, or S.len. */
size_t source_find_invisible(struct slice s);

/* 0, or ERROR_SYNTAX with the faults in DIAGNOSTICS, one a line of SOURCE. */
int source_check(struct slice source, struct diagnostics *diagnostics);

#endif
