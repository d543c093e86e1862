#include "doorbell.h"

#include "report.h"
#include "sys.h"

#define DOORBELL_PORT 0x610
#define DOORBELL_READY 1
#define DOORBELL_MARKER 0x100
#define IDENTITY_PORT 0x614

u32 doorbell_version(void) {
  u32 version = sys_in32(DOORBELL_PORT);
  return version == UINT32_MAX ? 0 : version;
}

u32 doorbell_identity_frame(void) {
  return sys_in32(IDENTITY_PORT);
}

void doorbell_ready(void) {
  sys_out32(DOORBELL_PORT, DOORBELL_READY);
}

void doorbell_mark(u8 number) {
  sys_out32(DOORBELL_PORT, DOORBELL_MARKER | number);
}

void doorbell_marker(u8 number) {
  event_begin("marker");
  event_number("number", number);
  event_end();
  doorbell_mark(number);
}
