/* address - see address.h. */
#include "backoffice/core/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define MAC_LENGTH 17

bool address_ip(const char *s, char ret[static ADDRESS_MAX])
{
	static const int families[] = { AF_INET, AF_INET6 };
	unsigned char bits[16];

	for (int i = 0; i < 2; i++)
		if (inet_pton(families[i], s, bits) == 1)
			return inet_ntop(families[i], bits, ret, ADDRESS_MAX) != NULL;
	return false;
}

void address_network(const char *s, char ret[static ADDRESS_MAX])
{
	struct in6_addr bits;
	char net[INET6_ADDRSTRLEN];

	snprintf(ret, ADDRESS_MAX, "%s", s);
	if (inet_pton(AF_INET6, s, &bits) != 1)
		return;
	if (IN6_IS_ADDR_V4MAPPED(&bits)) {
		inet_ntop(AF_INET, bits.s6_addr + 12, ret, ADDRESS_MAX);
		return;
	}
	memset(bits.s6_addr + 8, 0, 8);
	if (inet_ntop(AF_INET6, &bits, net, sizeof net))
		snprintf(ret, ADDRESS_MAX, "%s/64", net);
}

static bool is_mac(const char *s)
{
	if (strlen(s) != MAC_LENGTH || (s[2] != ':' && s[2] != '-'))
		return false;
	for (size_t i = 0; i < MAC_LENGTH; i++)
		if (i % 3 == 2 ? s[i] != s[2] : !isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

bool address_mac(const char *s, char ret[static ADDRESS_MAX])
{
	if (!is_mac(s))
		return false;
	memcpy(ret, s, MAC_LENGTH + 1);
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
