#include "proxy/audit/dns_type.h"

/* Those that programs ask for (IANA, "Resource Record TYPEs"); indexed by number. */
static const char *const low_names[] = {
	[1] = "A",	 [2] = "NS",	 [5] = "CNAME",	 [6] = "SOA",	  [10] = "NULL",
	[12] = "PTR",	 [13] = "HINFO", [15] = "MX",	 [16] = "TXT",	  [17] = "RP",
	[28] = "AAAA",	 [29] = "LOC",	 [33] = "SRV",	 [35] = "NAPTR",  [39] = "DNAME",
	[41] = "OPT",	 [43] = "DS",	 [44] = "SSHFP", [46] = "RRSIG",  [47] = "NSEC",
	[48] = "DNSKEY", [50] = "NSEC3", [52] = "TLSA",	 [53] = "SMIMEA", [61] = "OPENPGPKEY",
	[64] = "SVCB",	 [65] = "HTTPS", [99] = "SPF",
};

static const struct {
	uint16_t type;
	const char *name;
} high_names[] = {
	{249, "TKEY"}, {250, "TSIG"}, {251, "IXFR"}, {252, "AXFR"},
	{255, "ANY"},  {256, "URI"},  {257, "CAA"},
};

static const char *name_of(uint16_t type)
{
	if (type < sizeof(low_names) / sizeof(low_names[0]))
		return low_names[type];
	for (size_t i = 0; i < sizeof(high_names) / sizeof(high_names[0]); i++) {
		if (high_names[i].type == type)
			return high_names[i].name;
	}
	return NULL;
}

struct slice audit_dns_type(uint16_t type, char text[AUDIT_TYPE_BYTES])
{
	const char *name = name_of(type);
	char *at = text + AUDIT_TYPE_BYTES;

	if (name)
		return slice_from_text(name);
	do {
		*--at = (char)('0' + type % 10);
		type /= 10;
	} while (type);
	at -= 4;
	memcpy(at, "TYPE", 4);
	return slice_of(at, (size_t)(text + AUDIT_TYPE_BYTES - at));
}
