#include "doorbell.h"

#include "report.h"
#include "sys.h"

#define DOORBELL_PORT 0x610
#define DOORBELL_READY 1
#define DOORBELL_MARKER 0x100

u32 doorbell_version(void) {
  u32 version = sys_in32(DOORBELL_PORT);
  return version == UINT32_MAX ? 0 : version;
}

void doorbell_ready(void) {
  event_begin("ready");
  event_end();
  sys_out32(DOORBELL_PORT, DOORBELL_READY);
}

void doorbell_marker(u8 number) {
  event_begin("marker");
  event_number("number", number);
  event_end();
  sys_out32(DOORBELL_PORT, DOORBELL_MARKER | number);
}
