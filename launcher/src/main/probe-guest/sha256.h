/* SHA-256 (FIPS 180-4). */
#ifndef SHA256_H
#define SHA256_H

#include "types.h"

#define SHA256_BYTES 32

struct sha256 {
  u32 state[8];
  u64 total_bytes;
  u8 block[64];
};

void sha256_start(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t count);
void sha256_end(struct sha256 *hash, u8 digest[SHA256_BYTES]);

#endif
