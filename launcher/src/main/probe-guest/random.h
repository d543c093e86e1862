/* splitmix64: repeatable numbers from a seed, for patterns and for chosen nonsense. */
#ifndef RANDOM_H
#define RANDOM_H

#include "types.h"

#define SPLITMIX64_STEP 0x9e3779b97f4a7c15ull

struct random {
  u64 state;
};

static inline u64 random_next(struct random *random) {
  u64 z = random->state += SPLITMIX64_STEP;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 27) * 0x94d049bb133111ebull;
  return z ^ z >> 31;
}

#endif
