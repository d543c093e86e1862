#include "packet.h"

#include "memory.h"

#define ETHERNET_BYTES 14
#define IP_BYTES 20
#define ICMP_BYTES 8
#define UDP_BYTES 8
#define ARP_BYTES 28

#define TYPE_ARP 0x0806
#define TYPE_IPV4 0x0800
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define PROTOCOL_ICMP 1
#define PROTOCOL_UDP 17
#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO_REQUEST 8

#define OUR_ID 0x6270 /* ICMP identifier */
#define OUR_PORT 0x6270
#define UDP_CSUM_OFFSET 6
#define SEQUENCES 65536

struct packet_counts packet_counts[NET_MAX];

static u8 *answers[NET_MAX]; /* bit per sequence number */

static u16 get16(const u8 *at) {
  return (u16)(at[0] << 8 | at[1]);
}

static u32 get32(const u8 *at) {
  return (u32)get16(at) << 16 | get16(at + 2);
}

static void put16(u8 *at, u32 value) {
  at[0] = (u8)(value >> 8);
  at[1] = (u8)value;
}

static void put32(u8 *at, u32 value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

static struct packet_counts *counts_of(const struct nic *nic) {
  return &packet_counts[nic - nics];
}

/* The Internet checksum's running sum (RFC 1071). */
static u32 sum_of(const u8 *bytes, u32 count, u32 sum) {
  for (u32 i = 0; i + 1 < count; i += 2) {
    sum += get16(bytes + i);
  }
  if (count & 1) {
    sum += (u32)bytes[count - 1] << 8;
  }
  return sum;
}

static u16 fold(u32 sum) {
  while (sum >> 16) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return (u16)sum;
}

static u32 pseudo_header_sum(const u8 *ip, u32 udp_length) {
  return sum_of(ip + 12, 8, PROTOCOL_UDP + udp_length);
}

static void put_ethernet(const struct nic *nic, u8 *frame, const u8 *to, u32 type) {
  memcpy(frame, to, MAC_BYTES);
  memcpy(frame + MAC_BYTES, nic->mac, MAC_BYTES);
  put16(frame + 12, type);
}

static u8 *put_ip(const struct nic *nic, u8 *frame, u32 to, u32 protocol, u32 payload) {
  u8 *ip = frame + ETHERNET_BYTES;
  memset(ip, 0, IP_BYTES);
  ip[0] = 0x45;
  put16(ip + 2, IP_BYTES + payload);
  put16(ip + 6, 0x4000); /* do not fragment */
  ip[8] = 64;
  ip[9] = (u8)protocol;
  put32(ip + 12, nic->ip);
  put32(ip + 16, to);
  put16(ip + 10, (u16)~fold(sum_of(ip, IP_BYTES, 0)));
  return ip + IP_BYTES;
}

static void send_arp(struct nic *nic, u32 operation, const u8 *to_mac, u32 to_ip) {
  static const u8 broadcast[MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  u8 *frame = net_frame(nic);
  if (!frame) {
    return;
  }
  put_ethernet(nic, frame, operation == ARP_REQUEST ? broadcast : to_mac, TYPE_ARP);
  u8 *arp = frame + ETHERNET_BYTES;
  put32(arp, 1 << 16 | TYPE_IPV4);
  put32(arp + 4, 0x0604u << 16 | operation);
  memcpy(arp + 8, nic->mac, MAC_BYTES);
  put32(arp + 14, nic->ip);
  memset(arp + 18, 0, MAC_BYTES);
  if (operation == ARP_REPLY) {
    memcpy(arp + 18, to_mac, MAC_BYTES);
  }
  put32(arp + 24, to_ip);
  net_send(nic, frame, ETHERNET_BYTES + ARP_BYTES, 0, 0);
}

void packet_send_arp(struct nic *nic, u32 target_ip) {
  send_arp(nic, ARP_REQUEST, NULL, target_ip);
}

static void handle_arp(struct nic *nic, const u8 *arp, u32 length) {
  if (length < ARP_BYTES || get32(arp) != (1 << 16 | TYPE_IPV4)) {
    counts_of(nic)->ignored++;
    return;
  }
  u32 sender = get32(arp + 14);
  if (sender == nic->peer_ip) {
    memcpy(nic->peer_mac, arp + 8, MAC_BYTES);
    nic->peer_known = true;
  }
  if (get16(arp + 6) == ARP_REQUEST && get32(arp + 24) == nic->ip) {
    send_arp(nic, ARP_REPLY, arp + 8, sender);
    counts_of(nic)->arp_answered++;
  }
}

static u32 clamp_size(const struct nic *nic, u32 size, u32 header) {
  u32 most = MIN(nic->mtu, (u32)(NET_FRAME_MAX - ETHERNET_BYTES)) - IP_BYTES - header;
  return size < 4 ? 4 : MIN(size, most);
}

/* Payload byte i of request number sequence. */
static u8 payload_byte(u16 sequence, u32 i) {
  return (u8)(sequence * 31 + i * 7 + 3);
}

static void put_payload(u8 *payload, u16 sequence, u32 size) {
  put16(payload, sequence);
  for (u32 i = 2; i < size; i++) {
    payload[i] = payload_byte(sequence, i);
  }
}

/* Whether this is a first, intact answer to request number sequence; counts what else it may be. */
static bool is_new_answer(struct nic *nic, u32 kind, u16 sequence, const u8 *payload, u32 size) {
  bool intact = size >= 4 && get16(payload) == sequence;
  for (u32 i = 2; intact && i < size; i++) {
    intact = payload[i] == payload_byte(sequence, i);
  }
  u8 *bits = answers[nic - nics];
  if (!intact || !bits) {
    counts_of(nic)->corrupt++;
    return false;
  }
  u32 bit = kind * SEQUENCES + sequence;
  if (bits[bit / 8] & 1 << bit % 8) {
    counts_of(nic)->duplicates++;
    return false;
  }
  bits[bit / 8] |= (u8)(1 << bit % 8);
  return true;
}

void packet_new_round(struct nic *nic) {
  u8 **bits = &answers[nic - nics];
  if (!*bits) {
    *bits = memory_get(2 * SEQUENCES / 8, 8);
  }
  memset(*bits, 0, 2 * SEQUENCES / 8);
}

void packet_send_ping(struct nic *nic, u16 sequence, u32 size) {
  u8 *frame = net_frame(nic);
  if (!frame) {
    return;
  }
  size = clamp_size(nic, size, ICMP_BYTES);
  put_ethernet(nic, frame, nic->peer_mac, TYPE_IPV4);
  u8 *icmp = put_ip(nic, frame, nic->peer_ip, PROTOCOL_ICMP, ICMP_BYTES + size);
  put32(icmp, ICMP_ECHO_REQUEST << 24);
  put16(icmp + 4, OUR_ID);
  put16(icmp + 6, sequence);
  put_payload(icmp + ICMP_BYTES, sequence, size);
  put16(icmp + 2, (u16)~fold(sum_of(icmp, ICMP_BYTES + size, 0)));
  net_send(nic, frame, ETHERNET_BYTES + IP_BYTES + ICMP_BYTES + size, 0, 0);
}

/* Sends a UDP frame whose payload is in place; the device computes every second one's checksum. */
static void send_udp(struct nic *nic, u8 *frame, u32 to, u16 from_port, u16 to_port, u32 size) {
  u32 length = UDP_BYTES + size;
  u8 *udp = put_ip(nic, frame, to, PROTOCOL_UDP, length);
  put16(udp, from_port);
  put16(udp + 2, to_port);
  put16(udp + 4, length);
  put16(udp + 6, 0);
  u32 pseudo = pseudo_header_sum(frame + ETHERNET_BYTES, length);
  u32 total = ETHERNET_BYTES + IP_BYTES + length;
  if ((nic->device->features & VIRTIO_NET_F_CSUM) && nic->tx_frames % 2) {
    put16(udp + 6, fold(pseudo));
    net_send(nic, frame, total, ETHERNET_BYTES + IP_BYTES, UDP_CSUM_OFFSET);
    return;
  }
  u16 checksum = (u16)~fold(sum_of(udp, length, pseudo));
  put16(udp + 6, checksum ? checksum : 0xffff);
  net_send(nic, frame, total, 0, 0);
}

void packet_send_udp(struct nic *nic, u16 port, u16 sequence, u32 size) {
  u8 *frame = net_frame(nic);
  if (!frame) {
    return;
  }
  size = clamp_size(nic, size, UDP_BYTES);
  put_ethernet(nic, frame, nic->peer_mac, TYPE_IPV4);
  put_payload(frame + ETHERNET_BYTES + IP_BYTES + UDP_BYTES, sequence, size);
  send_udp(nic, frame, nic->peer_ip, OUR_PORT, port, size);
}

static void handle_icmp(struct nic *nic, const u8 *frame, const u8 *icmp, u32 length) {
  struct packet_counts *counts = counts_of(nic);
  if (length < ICMP_BYTES || fold(sum_of(icmp, length, 0)) != 0xffff) {
    counts->bad_checksums++;
    return;
  }
  if (icmp[0] == ICMP_ECHO_REPLY && get16(icmp + 4) == OUR_ID) {
    counts->icmp_received +=
        is_new_answer(nic, 0, get16(icmp + 6), icmp + ICMP_BYTES, length - ICMP_BYTES);
    return;
  }
  u8 *answer = icmp[0] == ICMP_ECHO_REQUEST ? net_frame(nic) : NULL;
  if (!answer) {
    counts->ignored++;
    return;
  }
  put_ethernet(nic, answer, frame + MAC_BYTES, TYPE_IPV4);
  u8 *reply = put_ip(nic, answer, get32(frame + ETHERNET_BYTES + 12), PROTOCOL_ICMP, length);
  memcpy(reply, icmp, length);
  put32(reply, ICMP_ECHO_REPLY << 24);
  put16(reply + 2, (u16)~fold(sum_of(reply, length, 0)));
  net_send(nic, answer, ETHERNET_BYTES + IP_BYTES + length, 0, 0);
  counts->icmp_answered++;
}

static void handle_udp(struct nic *nic, const u8 *frame, const u8 *udp, u32 length, bool partial) {
  struct packet_counts *counts = counts_of(nic);
  u32 udp_length = length < UDP_BYTES ? 0 : get16(udp + 4);
  if (udp_length < UDP_BYTES || udp_length > length) {
    counts->ignored++;
    return;
  }
  u32 pseudo = pseudo_header_sum(frame + ETHERNET_BYTES, udp_length);
  bool checked = get16(udp + 6) == 0 || partial;
  if (!checked && fold(sum_of(udp, udp_length, pseudo)) != 0xffff) {
    counts->bad_checksums++;
    return;
  }
  const u8 *payload = udp + UDP_BYTES;
  u32 size = udp_length - UDP_BYTES;
  u32 from = get32(frame + ETHERNET_BYTES + 12);
  u16 to_port = get16(udp + 2);
  if (to_port == OUR_PORT && from == nic->peer_ip) {
    u16 sequence = size >= 2 ? get16(payload) : 0;
    counts->udp_received += is_new_answer(nic, 1, sequence, payload, size);
    return;
  }
  u8 *answer = to_port == UDP_PORT_ECHO ? net_frame(nic) : NULL;
  if (!answer) {
    counts->ignored++;
    return;
  }
  put_ethernet(nic, answer, frame + MAC_BYTES, TYPE_IPV4);
  memcpy(answer + ETHERNET_BYTES + IP_BYTES + UDP_BYTES, payload, size);
  send_udp(nic, answer, from, to_port, get16(udp), size);
  counts->udp_echoed++;
}

static void handle(struct nic *nic, const u8 *frame, u32 length, bool partial) {
  struct packet_counts *counts = counts_of(nic);
  u32 type = length < ETHERNET_BYTES ? 0 : get16(frame + 12);
  const u8 *ip = frame + ETHERNET_BYTES;
  u32 left = length - ETHERNET_BYTES;
  if (type == TYPE_ARP) {
    handle_arp(nic, ip, left);
    return;
  }
  if (type != TYPE_IPV4 || left < IP_BYTES || ip[0] != 0x45 || get32(ip + 16) != nic->ip) {
    counts->ignored++;
    return;
  }
  u32 total = get16(ip + 2);
  bool fragment = get16(ip + 6) & 0x3fff;
  if (total < IP_BYTES || total > left || fragment) {
    counts->ignored++;
    return;
  }
  if (fold(sum_of(ip, IP_BYTES, 0)) != 0xffff) {
    counts->bad_checksums++;
    return;
  }
  u32 payload = total - IP_BYTES;
  if (ip[9] == PROTOCOL_ICMP) {
    handle_icmp(nic, frame, ip + IP_BYTES, payload);
  } else if (ip[9] == PROTOCOL_UDP) {
    handle_udp(nic, frame, ip + IP_BYTES, payload, partial);
  } else {
    counts->ignored++;
  }
}

u32 packet_poll(struct nic *nic) {
  struct virtqueue *queue = nic->device->queues[0];
  u32 frames = 0;
  while (queue->used->index != queue->used_seen) {
    bool partial = false;
    u32 length = net_receive(nic, &partial);
    if (length) {
      handle(nic, nic->rx_frame, length, partial);
    }
    frames++;
  }
  return frames;
}
