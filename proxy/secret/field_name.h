/*
 * Names as servers read them. A field named "X_Api_Key" is X-Api-Key to whatever gets its fields as
 * variables (CGI, RFC 3875 section 4.1.18, and its heirs), where both are HTTP_X_API_KEY; a
 * parameter "api.key" is api_key to PHP, and "token[0]" is token.
 */
#ifndef PROXY_SECRET_FIELD_NAME_H
#define PROXY_SECRET_FIELD_NAME_H

#include <stdbool.h>

#include "base/slice.h"

/* C as it counts in a name: in small letters, and "-" for what is taken for it. */
char field_name_fold(char c);

/* Whether a server may take NAME for WANTED. */
bool field_name_is_read_as(struct slice name, struct slice wanted);

#endif
