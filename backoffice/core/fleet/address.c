/* address - see address.h. */
#include "backoffice/core/address.h"

#include <arpa/inet.h>
#include <ctype.h>
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
