#include "probe_net.h"

#include "basepoint.h"
#include "clock.h"
#include "identity.h"
#include "options.h"
#include "packet.h"
#include "report.h"
#include "shell.h"
#include "sys.h"

#define ECHO_DEFAULT 10
#define SIZE_DEFAULT 64
#define WINDOW_DEFAULT 8
#define ARP_TRIES 10
#define ARP_TRY_US 500000
#define ANSWER_TIMEOUT_US 2000000
#define ADDRESS_DEFAULT 0x0a00020f /* 10.0.2.15, the next NIC 10.0.3.15 and so on */

struct round {
  u64 ping_sent, ping_answered, udp_sent, udp_answered;
  u64 elapsed_us;
};

static struct round rounds[NET_MAX];

static bool parse_ip(const char **text, u32 *ip) {
  u32 result = 0;
  for (u32 i = 0; i < 4; i++) {
    u64 part;
    if ((i > 0 && *(*text)++ != '.') || !parse_number(text, &part) || part > 255) {
      return false;
    }
    result = result << 8 | (u32)part;
  }
  *ip = result;
  return true;
}

static void event_ip(const char *key, u32 ip) {
  event_format(key, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

static void event_mac(const char *key, const u8 *mac) {
  event_format(key, "%02x:%02x:%02x:%02x:%02x:%02x", (u32)mac[0], (u32)mac[1], (u32)mac[2],
               (u32)mac[3], (u32)mac[4], (u32)mac[5]);
}

void net_event_addresses(const struct nic *nic) {
  event_mac("mac", nic->mac);
  event_ip("ip", nic->ip);
  event_ip("peer", nic->peer_ip);
}

static void configure(struct nic *nic, u32 index) {
  char item[32];
  nic->ip = ADDRESS_DEFAULT + (index << 8);
  nic->prefix_bits = 24;
  if (list_item(option_text("net.ip", ""), index, item, sizeof item)) {
    const char *at = item;
    u64 bits = 24;
    bool valid = parse_ip(&at, &nic->ip) && (!*at || (*at++ == '/' && parse_number(&at, &bits)));
    if (!valid || *at || bits > 32) {
      fail("net.ip: '%s' is not ADDRESS/BITS", item);
    }
    nic->prefix_bits = (u32)bits;
  }
  u32 host_mask = nic->prefix_bits ? (u32)((1ull << (32 - nic->prefix_bits)) - 1) : UINT32_MAX;
  nic->peer_ip = (nic->ip & ~host_mask) + 2;
  if (list_item(option_text("net.peer", ""), index, item, sizeof item)) {
    const char *at = item;
    if (!parse_ip(&at, &nic->peer_ip) || *at) {
      fail("net.peer: '%s' is not an IPv4 address", item);
    }
  }
}

void net_configure(void) {
  for (u32 i = 0; i < nic_count; i++) {
    configure(&nics[i], i);
  }
}

static void poll_all(void) {
  for (u32 i = 0; i < nic_count; i++) {
    packet_poll(&nics[i]);
  }
}

/* Handles traffic until *counter reaches goal; false at the deadline or when nic can do no more. */
static bool poll_until(struct nic *nic, const u64 *counter, u64 goal, u64 deadline) {
  for (;;) {
    u32 seen = irq_any;
    poll_all();
    if (*counter >= goal) {
      return true;
    }
    if (deadline_passed(deadline) || virtio_needs_reset(nic->device)) {
      return false;
    }
    net_wait(seen, deadline);
  }
}

static bool resolve(struct nic *nic) {
  nic->peer_known = false;
  for (u32 i = 0; i < ARP_TRIES && !nic->peer_known && !virtio_needs_reset(nic->device); i++) {
    packet_send_arp(nic, nic->peer_ip);
    u64 deadline = deadline_in_us(ARP_TRY_US);
    for (;;) {
      u32 seen = irq_any;
      poll_all();
      if (nic->peer_known || deadline_passed(deadline) || virtio_needs_reset(nic->device)) {
        break;
      }
      net_wait(seen, deadline);
    }
  }
  return nic->peer_known;
}

static void send_ping(struct nic *nic, u16 sequence, u32 size) {
  packet_send_ping(nic, sequence, size);
}

static void send_echo(struct nic *nic, u16 sequence, u32 size) {
  packet_send_udp(nic, (u16)option_number("net.port", UDP_PORT_ECHO), sequence, size);
}

/* Sends count requests, window of them at a time unanswered; returns how many were answered. */
static u64 ask(struct nic *nic, u64 count, void (*send)(struct nic *nic, u16 sequence, u32 size),
               const u64 *received) {
  u64 window = option_number("net.window", WINDOW_DEFAULT);
  u32 size = (u32)option_number("net.size", SIZE_DEFAULT);
  u64 before = *received;
  u64 given_up = 0;
  for (u64 sent = 0; sent < count; sent++) {
    send(nic, (u16)sent, size);
    u64 goal = sent + 1 > window ? sent + 1 - window : 0;
    if (goal > given_up && !poll_until(nic, received, before + goal - given_up,
                                       deadline_in_us(ANSWER_TIMEOUT_US))) {
      given_up = goal - MIN(*received - before, goal);
    }
  }
  poll_until(nic, received, before + count - given_up, deadline_in_us(ANSWER_TIMEOUT_US));
  return *received - before;
}

static void report_nic(u32 index) {
  struct nic *nic = &nics[index];
  struct round *round = &rounds[index];
  struct packet_counts *counts = &packet_counts[index];
  net_refresh(nic);
  event_begin("net");
  event_number("device", nic->device->index);
  event_mac("mac", nic->mac);
  event_flag("link_up", nic->link_up);
  event_number("mtu", nic->mtu);
  event_ip("ip", nic->ip);
  event_ip("peer", nic->peer_ip);
  if (nic->peer_known) {
    event_mac("peer_mac", nic->peer_mac);
  }
  event_number("sent", round->udp_sent);
  event_number("answered", round->udp_answered);
  event_number("ping_sent", round->ping_sent);
  event_number("ping_answered", round->ping_answered);
  event_number("arp_served", counts->arp_answered);
  event_number("ping_served", counts->icmp_answered);
  event_number("echo_served", counts->udp_echoed);
  event_number("duplicates", counts->duplicates);
  event_number("corrupt", counts->corrupt);
  event_number("bad_checksums", counts->bad_checksums);
  event_number("tx_frames", nic->tx_frames);
  event_number("tx_bytes", nic->tx_bytes);
  event_number("tx_dropped", nic->tx_dropped);
  event_number("rx_frames", nic->rx_frames);
  event_number("rx_bytes", nic->rx_bytes);
  event_number("rx_merged", nic->rx_merged);
  event_number("elapsed_us", round->elapsed_us);
  event_end();
}

static void probe_one(struct nic *nic, u32 index) {
  struct round *round = &rounds[index];
  *round = (struct round){.ping_sent = MIN(option_number("net.ping", 0), 65536),
                          .udp_sent = MIN(option_number("net.echo", ECHO_DEFAULT), 65536)};
  u64 start = clock_now_us();
  if (round->ping_sent + round->udp_sent > 0 && !resolve(nic)) {
    fail("net device %u: the peer does not answer ARP", nic->device->index);
    round->ping_sent = round->udp_sent = 0;
  }
  packet_new_round(nic);
  round->ping_answered = ask(nic, round->ping_sent, send_ping, &packet_counts[index].icmp_received);
  round->udp_answered = ask(nic, round->udp_sent, send_echo, &packet_counts[index].udp_received);
  round->elapsed_us = clock_now_us() - start;
  if (round->ping_answered != round->ping_sent || round->udp_answered != round->udp_sent) {
    fail("net device %u: %lu of %lu pings and %lu of %lu datagrams were answered",
         nic->device->index, round->ping_answered, round->ping_sent, round->udp_answered,
         round->udp_sent);
  }
  say("net %u: %lu of %lu UDP echoes, %lu of %lu pings answered", nic->device->index,
      round->udp_answered, round->udp_sent, round->ping_answered, round->ping_sent);
  report_nic(index);
}

bool net_find_peer(u32 index) {
  packet_new_round(&nics[index]);
  return resolve(&nics[index]);
}

bool net_ask_once(u32 index, u16 sequence, u64 timeout_us) {
  const u64 *received = &packet_counts[index].udp_received;
  u64 before = *received;
  if (sequence == 0) {
    packet_new_round(&nics[index]);
  }
  send_echo(&nics[index], sequence, (u32)option_number("net.size", SIZE_DEFAULT));
  return poll_until(&nics[index], received, before + 1, deadline_in_us(timeout_us));
}

void report_nics(void) {
  for (u32 i = 0; i < nic_count; i++) {
    report_nic(i);
  }
}

void probe_net(void) {
  if (nic_count == 0) {
    fail("net: no device");
  }
  for (u32 i = 0; i < nic_count; i++) {
    probe_one(&nics[i], i);
  }
}

static u64 served(void) {
  u64 total = 0;
  for (u32 i = 0; i < nic_count; i++) {
    total += packet_counts[i].arp_answered + packet_counts[i].icmp_answered +
             packet_counts[i].udp_echoed;
  }
  return total;
}

/* Answers peers and the console until the packets or the time is over or the console says so. */
static void serve(u64 packets, u64 deadline) {
  identity_listen();
  while (served() < packets && !deadline_passed(deadline)) {
    u32 seen = irq_any;
    poll_all();
    if (!shell_poll() || basepoint_check()) {
      return;
    }
    net_wait(seen, deadline);
  }
}

void probe_serve(void) {
  const char *text = option_text("net.serve", "until-poweroff");
  u64 deadline = NEVER;
  u64 packets = UINT64_MAX;
  u64 number;
  bool valid = text_equal(text, "until-poweroff");
  if (!valid && parse_number(&text, &number)) {
    valid = !*text || text_equal(text, "s") || text_equal(text, "p");
    if (text_equal(text, "p")) {
      packets = served() + number;
    } else {
      deadline = deadline_in_us(number * 1000000);
    }
  }
  if (!valid) {
    fail("net.serve is not until-poweroff, SECONDSs or PACKETSp");
    return;
  }
  event_begin("serving");
  event_number("nics", nic_count);
  event_end();
  serve(packets, deadline);
  report_nics();
}

void probe_shell(void) {
  shell_start();
  event_begin("shell");
  event_end();
  serve(UINT64_MAX, NEVER);
}
