/* What a clone says of itself once its first requests are made. */
#ifndef CLONE_REPORT_H
#define CLONE_REPORT_H

#include "clone.h"

/* The first request to the first device of a kind; times in TSC ticks. */
struct first_request {
  bool open;
  bool done;
  u64 submitted;
  u64 answered;
};

struct first_requests {
  struct first_request rng, blk, net;
  u8 drawn[CLONE_RNG_BYTES];
  u32 drawn_bytes;
  bool rng_waited; /* the request in flight at the basepoint was still open */
  bool blk_waited;
};

/* Who it is, and what the devices answered. */
void clone_report_own(const struct basepoint *basepoint, struct first_requests *first);
/* What the network answered; then checks memory and processors. */
void clone_report_rest(const struct basepoint *basepoint, const struct first_requests *first);

#endif
