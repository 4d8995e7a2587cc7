/* address - see address.h. */
#include "backoffice/core/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define MAC_DIGITS 12

bool address_ip(const char *s, char ret[static ADDRESS_MAX])
{
	static const int families[] = { AF_INET, AF_INET6 };
	unsigned char bits[16];

	for (int i = 0; i < 2; i++)
		if (inet_pton(families[i], s, bits) == 1)
			return inet_ntop(families[i], bits, ret, ADDRESS_MAX) != NULL;
	return false;
}

/* An IPv4 address in an IPv6 one: mapped, or by NAT64 (RFC 6052, 64:ff9b::/96). */
static bool has_ipv4(const struct in6_addr *a)
{
	static const unsigned char nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	return IN6_IS_ADDR_V4MAPPED(a) || memcmp(a->s6_addr, nat64, sizeof nat64) == 0;
}

void address_network(const char *s, char ret[static ADDRESS_MAX])
{
	struct in6_addr bits;
	char net[INET6_ADDRSTRLEN];

	snprintf(ret, ADDRESS_MAX, "%s", s);
	if (inet_pton(AF_INET6, s, &bits) != 1)
		return;
	if (has_ipv4(&bits)) {
		inet_ntop(AF_INET, bits.s6_addr + 12, ret, ADDRESS_MAX);
		return;
	}
	memset(bits.s6_addr + 8, 0, 8);
	if (inet_ntop(AF_INET6, &bits, net, sizeof net))
		snprintf(ret, ADDRESS_MAX, "%s/64", net);
}

/* Where separators stand between its twelve digits, and which: after each two ':' or '-', after each four '.', or none. */
static bool read_mac(const char *s, size_t every, char between, char ret[static ADDRESS_MAX])
{
	size_t n = 0, digits = 0;

	for (; digits < MAC_DIGITS && isxdigit((unsigned char)*s); s++) {
		if (digits && digits % 2 == 0)
			ret[n++] = ':';
		ret[n++] = *s;
		if (++digits < MAC_DIGITS && every && digits % every == 0 && *++s != between)
			return false;
	}
	ret[n] = '\0';
	return digits == MAC_DIGITS && !*s;
}

bool address_mac(const char *s, char ret[static ADDRESS_MAX])
{
	if (!read_mac(s, 2, ':', ret) && !read_mac(s, 2, '-', ret) && !read_mac(s, 4, '.', ret) &&
	    !read_mac(s, 0, 0, ret))
		return false;
	address_mac_lower(ret);
	return true;
}

void address_lower(char *s)
{
	for (; *s; s++)
		*s = (char)tolower((unsigned char)*s);
}

void address_mac_lower(char *s)
{
	address_lower(s);
	for (; *s; s++)
		*s = *s == '-' ? ':' : *s;
}
