#ifndef PROBE_NET_H
#define PROBE_NET_H

#include "net.h"

/* Gives every NIC its address; called once after net_start. */
void net_configure(void);
/* Asks each NIC's peer (net.ping, net.echo) and reports per NIC. */
void probe_net(void);
/* Whether NIC index finds its peer by ARP. */
bool net_find_peer(u32 index);
/* Sends one datagram to the peer's echo port and waits for the answer. */
bool net_ask_once(u32 index, u16 sequence, u64 timeout_us);
/* Answers peers, and console commands in shell mode, until net.serve is fulfilled. */
void probe_serve(void);
/* The same, and console commands, until a command says to go on. */
void probe_shell(void);
/* The members mac, ip and peer of an event. */
void net_event_addresses(const struct nic *nic);
/* One event for each NIC. */
void report_nics(void);

#endif
