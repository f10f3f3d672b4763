#include "proxy/dns/wire.h"

#include <stdio.h>

/* Those that programs really ask for (IANA, DNS parameters). */
static const struct type_row {
	uint16_t type;
	const char *name;
} type_rows[] = {
	{DNS_TYPE_A, "A"},
	{2, "NS"},
	{5, "CNAME"},
	{6, "SOA"},
	{10, "NULL"},
	{DNS_TYPE_PTR, "PTR"},
	{13, "HINFO"},
	{15, "MX"},
	{16, "TXT"},
	{DNS_TYPE_AAAA, "AAAA"},
	{33, "SRV"},
	{35, "NAPTR"},
	{39, "DNAME"},
	{DNS_TYPE_OPT, "OPT"},
	{43, "DS"},
	{44, "SSHFP"},
	{46, "RRSIG"},
	{47, "NSEC"},
	{48, "DNSKEY"},
	{50, "NSEC3"},
	{52, "TLSA"},
	{61, "OPENPGPKEY"},
	{DNS_TYPE_SVCB, "SVCB"},
	{DNS_TYPE_HTTPS, "HTTPS"},
	{99, "SPF"},
	{249, "TKEY"},
	{250, "TSIG"},
	{251, "IXFR"},
	{252, "AXFR"},
	{255, "ANY"},
	{256, "URI"},
	{257, "CAA"},
};

const char *dns_type_name(uint16_t type)
{
	static char unknown[sizeof("TYPE65535")];

	for (size_t i = 0; i < sizeof(type_rows) / sizeof(type_rows[0]); i++) {
		if (type_rows[i].type == type)
			return type_rows[i].name;
	}
	snprintf(unknown, sizeof(unknown), "TYPE%u", (unsigned int)type);
	return unknown;
}

const char *dns_rcode_name(enum dns_rcode rcode)
{
	switch (rcode) {
	case DNS_NOERROR:
		return "NOERROR";
	case DNS_FORMERR:
		return "FORMERR";
	case DNS_SERVFAIL:
		return "SERVFAIL";
	case DNS_NXDOMAIN:
		return "NXDOMAIN";
	case DNS_NOTIMP:
		return "NOTIMP";
	case DNS_REFUSED:
		return "REFUSED";
	case DNS_BADVERS:
		return "BADVERS";
	}
	return "RCODE?";
}
