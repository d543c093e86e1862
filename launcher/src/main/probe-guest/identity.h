/*
 * The identity page: who this guest is. The VMM writes it before the first instruction runs;
 * another generation id than before means that the guest was cloned or restored.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "types.h"

#define GENERATION_BYTES 16
#define NAME_MAX 64
#define METADATA_MAX 2048

struct identity {
  u8 generation[GENERATION_BYTES];
  u64 number; /* 0: booted, not cloned */
  char name[NAME_MAX + 1];
  char metadata[METADATA_MAX + 1];
};

/* Who this guest is, as read last. */
extern struct identity identity;

/* Lets a new generation id wake the processor. */
void identity_listen(void);
/* Looks for the page and reads it. */
void identity_start(void);
bool identity_present(void);
/* Reads the page again if the generation id is not the one known; tells whether it was. */
bool identity_renewed(void);
void identity_report(const char *event);

#endif
