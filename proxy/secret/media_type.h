/* Parameters of fields, as Content-Type and Content-Disposition have them (RFC 9110 section 5.6.6;
 * RFC 6266 section 4.1). */
#ifndef PROXY_SECRET_MEDIA_TYPE_H
#define PROXY_SECRET_MEDIA_TYPE_H

#include <sys/types.h>

#include "base/slice.h"

/* VALUE up to its parameters, which *PARAMETERS is set to. */
struct slice media_type_of(struct slice value, struct slice *parameters);

/* Looks for parameter NAME among PARAMETERS. TEXT: its value, without quotes; a quoted string with
 * a backslash in it is none, as it is not read alike everywhere. 1; 0 when there is none;
 * ERROR_SYNTAX when PARAMETERS are not well formed, or NAME is there twice or in the extended form
 * (NAME*, RFC 8187). */
int media_type_parameter(struct slice parameters, struct slice name, struct slice *text);

#endif
