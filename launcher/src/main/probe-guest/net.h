/* The network driver: frames in and out of each NIC (virtio 1.2 §5.1). */
#ifndef NET_H
#define NET_H

#include "virtqueue.h"

#define NET_MAX 8
#define NET_FRAME_MAX 1514
#define MAC_BYTES 6

#define VIRTIO_NET_F_CSUM (1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM (1ull << 1)
#define VIRTIO_NET_F_MTU (1ull << 3)
#define VIRTIO_NET_F_MAC (1ull << 5)
#define VIRTIO_NET_F_MRG_RXBUF (1ull << 15)
#define VIRTIO_NET_F_STATUS (1ull << 16)

#define NET_TX_SLOTS 32

struct net_header {
  u8 flags;
  u8 gso_type;
  u16 hdr_len;
  u16 gso_size;
  u16 csum_start;
  u16 csum_offset;
  u16 num_buffers;
};

struct net_tx_slot {
  struct net_header header;
  u8 frame[NET_FRAME_MAX];
};

struct nic {
  struct virtio_device *device;
  u8 mac[MAC_BYTES];
  u32 mtu;
  bool link_up;
  u32 ip; /* host byte order, as all addresses here */
  u32 prefix_bits;
  u32 peer_ip;
  u8 peer_mac[MAC_BYTES];
  bool peer_known;
  u8 rx_frame[NET_FRAME_MAX];
  u32 rx_buffer_bytes;
  u8 *rx_buffers;
  struct net_tx_slot *tx_slots;
  u32 tx_free[NET_TX_SLOTS];
  u32 tx_free_count;
  u64 tx_frames, tx_bytes, tx_dropped, rx_frames, rx_bytes, rx_oversized;
  u64 rx_merged; /* frames that came in several buffers */
};

extern struct nic nics[NET_MAX];
extern u32 nic_count;

/* Brings every NIC up; called once. */
void net_start(void);
/* Resets and brings up again what net_start found. */
void net_restart(void);
/* Reads the MAC alone: each byte is an exit. Nobody may be changing it. */
void net_read_mac(struct nic *nic);
/* Reads MAC and link state again, as after a configuration change. */
void net_refresh(struct nic *nic);
/* A frame to fill, or NULL (counted) when the device has taken none of the last 32 for a second. */
u8 *net_frame(struct nic *nic);
/* Sends the frame; with csum_start the device puts a checksum at csum_start + csum_offset. */
void net_send(struct nic *nic, u8 *frame, u32 length, u16 csum_start, u16 csum_offset);
/* Takes one received frame into nic->rx_frame: its length, or 0 when there is none. */
u32 net_receive(struct nic *nic, bool *checksum_is_partial);
/*
 * Sleeps until any NIC has something, the deadline passes, or any interrupt arrives that is not yet
 * in seen, the value of irq_any read before everything that the caller then looked at.
 */
void net_wait(u32 seen, u64 deadline);

#endif
