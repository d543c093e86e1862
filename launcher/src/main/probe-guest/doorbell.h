/* The ports by which the guest tells the VMM where it is. */
#ifndef DOORBELL_H
#define DOORBELL_H

#include "types.h"

/* The doorbell's ABI version; 0 where there is none. */
u32 doorbell_version(void);
/* The frame number of the identity page (identity.h); UINT32_MAX where there is none. */
u32 doorbell_identity_frame(void);
/* Rings for readiness: a template of this VM is taken here. */
void doorbell_ready(void);
/* Rings for a marker, silently; doorbell_marker reports it first. */
void doorbell_mark(u8 number);
void doorbell_marker(u8 number);

#endif
