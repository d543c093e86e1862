/* The ports by which the guest tells the VMM where it is. */
#ifndef DOORBELL_H
#define DOORBELL_H

#include "types.h"

/* The doorbell's ABI version; 0 where there is none. */
u32 doorbell_version(void);
/* Reports "ready" and rings: a template of this VM is taken here. */
void doorbell_ready(void);
void doorbell_marker(u8 number);

#endif
