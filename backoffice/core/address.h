/*
 * address - IP and MAC addresses have one form each, in which they are kept and looked for: "0A-bb-…"
 * and "0a:bb:…" are one address, as "2001:DB8:0::1" and "2001:db8::1" are (RFC 5952).
 */
#ifndef INRO_BACKOFFICE_CORE_ADDRESS_H
#define INRO_BACKOFFICE_CORE_ADDRESS_H

#include <stdbool.h>

#define ADDRESS_MAX 64 /* with its NUL */

/* false when it is none: what was written then is of no use. */
typedef bool address_form_fn(const char *s, char ret[static ADDRESS_MAX]);

/* IPv4 with dots, IPv6 as inet_ntop() writes it. */
bool address_ip(const char *s, char ret[static ADDRESS_MAX]);
/* Where who has this address counts: a host of IPv6 has a /64 (RFC 6177) and as many addresses in it
 * as it likes, so it is that, "2001:db8:0:1::/64"; an IPv4 address in it, mapped or by NAT64
 * (64:ff9b::/96), is that one; else the address.  What is none stays as it is. */
void address_network(const char *s, char ret[static ADDRESS_MAX]);
/* Six pairs of hex digits, all with ':', all with '-' or with nothing between them, or as "0011.2233.4455". */
bool address_mac(const char *s, char ret[static ADDRESS_MAX]);

/* The beginning of an address as far as it can be told: lower case, of a MAC ':' for '-'.  In
 * place. */
void address_lower(char *s);
void address_mac_lower(char *s);

#endif
