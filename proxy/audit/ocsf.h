/*
 * Records as events of the Open Cybersecurity Schema Framework, version 1.5.0
 * (https://schema.ocsf.io/1.5.0), one event for each record:
 *
 *	kind                      class
 *	http                      HTTP Activity 4002; Network Activity without a request
 *	dns                       DNS Activity 4003
 *	tls, tcp, udp, packet ..  Network Activity 4001
 *	sandbox                   Application Lifecycle 6002
 *	others                    Base Event 0
 *
 * Verdicts are in the fields of the security_control profile. What the schema has no field for is
 * in "unmapped", under the record's own names, so that nothing is lost; metadata.uid is the line's
 * hash, and unmapped.prev that of the line before: events can be held against the journal.
 *
 * A record is taken as it is, whoever wrote it: members of other types than expected are left out,
 * or stay in "unmapped".
 */
#ifndef PROXY_AUDIT_OCSF_H
#define PROXY_AUDIT_OCSF_H

#include <jansson.h>

#define OCSF_VERSION "1.5.0"

/* The event for RECORD, an object, whose line has HASH, for the caller to release; NULL without
 * memory. PRODUCT_VERSION is this program's. */
json_t *ocsf_event(json_t *record, const char *hash, const char *product_version);

#endif
