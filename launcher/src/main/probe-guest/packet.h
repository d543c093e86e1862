/* ARP, IPv4, ICMP echo and UDP: answering, and asking a peer. */
#ifndef PACKET_H
#define PACKET_H

#include "net.h"

#define UDP_PORT_ECHO 7

struct packet_counts {
  u64 arp_answered;   /* requests for our address */
  u64 icmp_answered;  /* echo requests */
  u64 udp_echoed;     /* datagrams to port 7 */
  u64 icmp_received;  /* distinct correct replies to our echo requests */
  u64 udp_received;   /* distinct correct answers to our datagrams */
  u64 duplicates;     /* answers that came again */
  u64 bad_checksums;
  u64 corrupt;        /* answers whose payload is not what was sent */
  u64 ignored;        /* anything else */
};

extern struct packet_counts packet_counts[NET_MAX];

/* Handles every frame that waits at this NIC; returns how many there were. */
u32 packet_poll(struct nic *nic);
/* Forgets which answers came. At most 65536 requests are tracked. */
void packet_new_round(struct nic *nic);
void packet_send_arp(struct nic *nic, u32 target_ip);
/* Sends echo request or datagram number sequence to the peer, with size payload bytes. */
void packet_send_ping(struct nic *nic, u16 sequence, u32 size);
void packet_send_udp(struct nic *nic, u16 port, u16 sequence, u32 size);

#endif
