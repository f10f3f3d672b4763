/* Text from records, as people may safely see it on a terminal (threat C11). */
#ifndef PROXY_AUDIT_SHOWN_H
#define PROXY_AUDIT_SHOWN_H

#include <stdio.h>

#include "base/slice.h"

/* Writes TEXT to OUT. What is not seen, or not UTF-8, is written as \xNN or \u{N}. */
void shown_write(FILE *out, struct slice text);

#endif
