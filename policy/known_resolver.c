#include "policy/known_resolver.h"

#include <stdlib.h>

#include "policy/special.h"

static const struct known_resolver resolvers[] = {
	{"1.0.0.1", false},
	{"1.0.0.2", false},
	{"1.0.0.3", false},
	{"1.1.1.1", false},
	{"1.1.1.2", false},
	{"1.1.1.3", false},
	{"1.12.12.12", false},
	{"120.53.53.53", false},
	{"149.112.112.10", false},
	{"149.112.112.11", false},
	{"149.112.112.112", false},
	{"149.112.112.12", false},
	{"149.112.112.9", false},
	{"185.222.222.222", false},
	{"185.228.168.10", false},
	{"185.228.168.168", false},
	{"185.228.168.9", false},
	{"185.253.5.0", false},
	{"193.110.81.0", false},
	{"194.242.2.2", false},
	{"2001:4860:4860::64", false},
	{"2001:4860:4860::6464", false},
	{"2001:4860:4860::8844", false},
	{"2001:4860:4860::8888", false},
	{"208.67.220.123", false},
	{"208.67.220.220", false},
	{"208.67.222.123", false},
	{"208.67.222.222", false},
	{"223.5.5.5", false},
	{"223.6.6.6", false},
	{"2400:3200::1", false},
	{"2400:3200:baba::1", false},
	{"2606:4700:4700::1001", false},
	{"2606:4700:4700::1002", false},
	{"2606:4700:4700::1003", false},
	{"2606:4700:4700::1111", false},
	{"2606:4700:4700::1112", false},
	{"2606:4700:4700::1113", false},
	{"2606:4700:4700::64", false},
	{"2606:4700:4700::6400", false},
	{"2620:119:35::35", false},
	{"2620:119:53::53", false},
	{"2620:fe::10", false},
	{"2620:fe::11", false},
	{"2620:fe::9", false},
	{"2620:fe::fe", false},
	{"2620:fe::fe:10", false},
	{"2620:fe::fe:11", false},
	{"2620:fe::fe:9", false},
	{"2a10:50c0::ad1:ff", false},
	{"2a10:50c0::ad2:ff", false},
	{"45.11.45.11", false},
	{"45.90.28.0", false},
	{"45.90.30.0", false},
	{"76.76.10.0", false},
	{"76.76.2.0", false},
	{"77.88.8.1", false},
	{"77.88.8.8", false},
	{"8.8.4.4", false},
	{"8.8.8.8", false},
	{"8888.google", false},
	{"9.9.9.10", false},
	{"9.9.9.11", false},
	{"9.9.9.12", false},
	{"9.9.9.9", false},
	{"94.140.14.14", false},
	{"94.140.14.140", false},
	{"94.140.14.141", false},
	{"94.140.14.15", false},
	{"94.140.15.15", false},
	{"94.140.15.16", false},
	{"anycast.uncensoreddns.org", false},
	{"basic.rethinkdns.com", false},
	{"canadianshield.cira.ca", true},
	{"child.joindns4.eu", false},
	{"cloudflare-dns.com", true},
	{"cloudflare-gateway.com", true},
	{"d.adguard-dns.com", true},
	{"dns-family.adguard.com", false},
	{"dns-nosec.quad9.net", false},
	{"dns-unfiltered.adguard.com", false},
	{"dns.adguard-dns.com", false},
	{"dns.adguard.com", false},
	{"dns.alidns.com", false},
	{"dns.controld.com", true},
	{"dns.digitale-gesellschaft.ch", false},
	{"dns.google", true},
	{"dns.google.com", false},
	{"dns.mullvad.net", true},
	{"dns.nextdns.io", true},
	{"dns.njal.la", false},
	{"dns.opendns.com", false},
	{"dns.pub", false},
	{"dns.quad9.net", false},
	{"dns.switch.ch", false},
	{"dns.twnic.tw", false},
	{"dns.umbrella.com", false},
	{"dns0.eu", true},
	{"dns10.quad9.net", false},
	{"dns11.quad9.net", false},
	{"dns12.quad9.net", false},
	{"dns9.quad9.net", false},
	{"doh.360.cn", false},
	{"doh.applied-privacy.net", false},
	{"doh.cleanbrowsing.org", false},
	{"doh.dns.apple.com", false},
	{"doh.dns.sb", false},
	{"doh.familyshield.opendns.com", false},
	{"doh.ffmuc.net", false},
	{"doh.libredns.gr", false},
	{"doh.mullvad.net", true},
	{"doh.opendns.com", false},
	{"doh.pub", false},
	{"doh.sandbox.opendns.com", false},
	{"doh.sb", false},
	{"doh.tiar.app", false},
	{"doh.umbrella.com", false},
	{"doh.xfinity.com", false},
	{"dot.dns.yandex.net", true},
	{"dot.pub", false},
	{"dot.sb", false},
	{"family.adguard-dns.com", false},
	{"jp.tiar.app", false},
	{"max.rethinkdns.com", false},
	{"noads.joindns4.eu", false},
	{"odvr.nic.cz", false},
	{"one.one.one.one", false},
	{"protective.joindns4.eu", false},
	{"public.dns.iij.jp", false},
	{"sky.rethinkdns.com", false},
	{"unfiltered.adguard-dns.com", false},
	{"unfiltered.joindns4.eu", false},
	{"unicast.uncensoreddns.org", false},
	{"wikimedia-dns.org", false},
};

const struct known_resolver *known_resolvers(size_t *count)
{
	*count = sizeof(resolvers) / sizeof(resolvers[0]);
	return resolvers;
}

static int compare(const void *name, const void *row)
{
	return strcmp(name, ((const struct known_resolver *)row)->host);
}

static const struct known_resolver *find(const char *name)
{
	return bsearch(name, resolvers, sizeof(resolvers) / sizeof(resolvers[0]),
		       sizeof(resolvers[0]), compare);
}

/* A network with NAT64 leads to the IPv4 address that stands in one of IPv6 (RFC 6052). */
static bool has_inside(const struct host *host)
{
	uint8_t bytes[16];
	struct host inside;

	if (host->kind != HOST_IPV6 || host_address(host, bytes) != sizeof(bytes) ||
	    special_find(bytes, sizeof(bytes))->embeds != SPECIAL_IPV4_LAST)
		return false;
	host_from_address(bytes + 12, 4, &inside);
	return find(inside.text);
}

bool known_resolver_has(const struct host *host)
{
	const char *parent = host->text;

	if (find(host->text))
		return true;
	if (host->kind != HOST_NAME)
		return has_inside(host);
	while ((parent = strchr(parent, '.'))) {
		const struct known_resolver *resolver = find(++parent);

		if (resolver && resolver->below)
			return true;
	}
	return false;
}
