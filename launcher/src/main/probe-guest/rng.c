#include "rng.h"

#include "clock.h"
#include "memory.h"
#include "options.h"
#include "report.h"
#include "sha256.h"
#include "virtqueue.h"

#define RNG_MAX 4
#define QUEUE_SIZE 16
#define BYTES_DEFAULT 4096
#define REQUEST_DEFAULT 512
#define REQUEST_MAX 65536
#define TIMEOUT_US 10000000

struct rng {
  struct virtio_device *device;
  u8 *buffer;
  u32 request_bytes;
  u64 requests;
  u64 repeats; /* requests that brought the same bytes as the one before */
  u32 asked;   /* bytes of the request in flight, or 0 */
  u8 previous[16];
};

static struct rng rngs[RNG_MAX];
static u32 count_of_rngs;

static bool connect(struct virtio_device *device) {
  if (!virtio_negotiate(device, TRANSPORT_FEATURES) ||
      !virtio_create_queues(device, 1, QUEUE_SIZE)) {
    return false;
  }
  virtio_start(device);
  return true;
}

void rng_restart(void) {
  for (u32 i = 0; i < count_of_rngs; i++) {
    connect(rngs[i].device);
    rngs[i].asked = 0;
  }
}

void rng_start(void) {
  struct virtio_device *device;
  u64 request = option_number("rng.request", REQUEST_DEFAULT);
  while (count_of_rngs < RNG_MAX && (device = virtio_device_of(VIRTIO_ID_RNG, count_of_rngs))) {
    struct rng *rng = &rngs[count_of_rngs];
    if (!connect(device)) {
      return;
    }
    rng->request_bytes = (u32)MIN(request ? request : 1, REQUEST_MAX);
    rng->buffer = memory_get(rng->request_bytes, 64);
    rng->device = device;
    count_of_rngs++;
  }
}

u32 rng_count(void) {
  return count_of_rngs;
}

static void offer(struct rng *rng, u32 wanted) {
  struct segment segment = {rng->buffer, wanted};
  memset(rng->buffer, 0, wanted);
  virtqueue_add(rng->device->queues[0], &segment, 0, 1, rng, NULL);
  rng->asked = wanted;
}

/* Takes the answer, which is there. */
static bool take(struct rng *rng, u32 *got) {
  u32 wanted = rng->asked;
  rng->asked = 0;
  if (!virtqueue_take(rng->device->queues[0], got)) {
    return false;
  }
  if (*got == 0 || *got > wanted) {
    fail("rng device %u: %u bytes written where %u were offered", rng->device->index, *got, wanted);
    return false;
  }
  u32 compare = MIN(*got, (u32)sizeof rng->previous);
  if (rng->requests && compare == sizeof rng->previous &&
      memcmp(rng->previous, rng->buffer, compare) == 0) {
    rng->repeats++;
  }
  memcpy(rng->previous, rng->buffer, compare);
  rng->requests++;
  return true;
}

static bool draw(struct rng *rng, u32 wanted, u32 *got) {
  offer(rng, wanted);
  if (!virtqueue_wait(rng->device->queues[0], deadline_in_us(TIMEOUT_US))) {
    fail("rng device %u: %s", rng->device->index,
         virtio_needs_reset(rng->device) ? "needs a reset" : "no answer within 10 s");
    return false;
  }
  return take(rng, got);
}

void rng_ask(u32 n, u32 count) {
  offer(&rngs[n], MIN(count, rngs[n].request_bytes));
  virtqueue_kick(rngs[n].device->queues[0]);
}

bool rng_in_flight(u32 n) {
  return rngs[n].asked != 0;
}

struct virtqueue *rng_queue(u32 n) {
  return rngs[n].device->queues[0];
}

u32 rng_answer(u32 n, u8 *bytes) {
  u32 got = 0;
  struct virtqueue *queue = rng_queue(n);
  if (!virtqueue_has_used(queue) || !take(&rngs[n], &got)) {
    return 0;
  }
  memcpy(bytes, rngs[n].buffer, got);
  return got;
}

bool rng_read(u32 n, void *bytes, size_t count) {
  u8 *at = bytes;
  while (count) {
    u32 got;
    u32 wanted = (u32)MIN(count, rngs[n].request_bytes);
    if (!draw(&rngs[n], wanted, &got)) {
      return false;
    }
    memcpy(at, rngs[n].buffer, got);
    at += got;
    count -= got;
  }
  return true;
}

struct statistics {
  u64 bytes;
  u64 ones;
  u64 histogram[256];
};

static void count_bytes(struct statistics *statistics, const u8 *bytes, u32 count) {
  for (u32 i = 0; i < count; i++) {
    statistics->histogram[bytes[i]]++;
    for (u8 rest = bytes[i]; rest; rest &= (u8)(rest - 1)) {
      statistics->ones++;
    }
  }
  statistics->bytes += count;
}

/* Pearson's statistic over byte values, in thousandths: about 255,000 for random bytes. */
static u64 chi_square_milli(const struct statistics *statistics) {
  u64 sum = 0;
  for (u32 i = 0; i < 256; i++) {
    sum += statistics->histogram[i] * statistics->histogram[i];
  }
  return (sum * 256 * 1000) / statistics->bytes - statistics->bytes * 1000;
}

static void probe_one(struct rng *rng, u64 total) {
  static struct statistics statistics;
  struct sha256 hash;
  u8 first[32] = {0};
  u8 digest[SHA256_BYTES];
  u64 requests_before = rng->requests;
  u64 repeats_before = rng->repeats;
  memset(&statistics, 0, sizeof statistics);
  sha256_start(&hash);
  u64 start = clock_now_us();
  while (statistics.bytes < total) {
    u32 got;
    if (!draw(rng, (u32)MIN(total - statistics.bytes, rng->request_bytes), &got)) {
      break;
    }
    if (statistics.bytes < sizeof first) {
      memcpy(first + statistics.bytes, rng->buffer, MIN(got, sizeof first - statistics.bytes));
    }
    count_bytes(&statistics, rng->buffer, got);
    sha256_add(&hash, rng->buffer, got);
  }
  u64 elapsed = clock_now_us() - start;
  if (statistics.bytes == 0) {
    return;
  }
  sha256_end(&hash, digest);
  u64 permille = statistics.ones * 1000 / (statistics.bytes * 8);
  if (statistics.bytes >= 1024 && (permille < 450 || permille > 550)) {
    fail("rng device %u: %lu of 1000 bits are ones", rng->device->index, permille);
  }
  if (rng->repeats != repeats_before) {
    fail("rng device %u: %lu requests repeated the bytes before", rng->device->index,
         rng->repeats - repeats_before);
  }
  say("rng %u: %lu bytes, ones %lu/1000", rng->device->index, statistics.bytes, permille);
  event_begin("rng");
  event_number("device", rng->device->index);
  event_number("bytes", statistics.bytes);
  event_number("requests", rng->requests - requests_before);
  event_number("repeats", rng->repeats - repeats_before);
  event_number("ones_permille", permille);
  event_number("chi2_milli", chi_square_milli(&statistics));
  event_hex("first32", first, sizeof first);
  event_hex("sha256", digest, sizeof digest);
  event_number("elapsed_us", elapsed);
  event_end();
}

void probe_rng(void) {
  u64 bytes = option_number("rng.bytes", BYTES_DEFAULT);
  if (count_of_rngs == 0) {
    fail("rng: no device");
  }
  for (u32 i = 0; i < count_of_rngs; i++) {
    probe_one(&rngs[i], bytes);
  }
}
