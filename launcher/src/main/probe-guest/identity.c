#include "identity.h"

#include "doorbell.h"
#include "irq.h"
#include "pages.h"
#include "report.h"

#define GSI_GENERATION 21 /* as the ACPI tables of the VMM with this page have it */
#define PAGE_SHIFT 12
#define MAPPED_FRAMES (0xc0000000u >> PAGE_SHIFT) /* what lies above is MMIO */

/* Little-endian, as the VMM lays it out. */
struct identity_page {
  u8 generation[GENERATION_BYTES];
  u64 number;
  u32 name_bytes;
  u32 metadata_bytes;
  char name[NAME_MAX];
  char metadata[METADATA_MAX];
};

struct identity identity;
static u32 frame = UINT32_MAX;

static const struct identity_page *page(void) {
  return (const struct identity_page *)((u64)frame << PAGE_SHIFT);
}

static void read(void) {
  const struct identity_page *from = page();
  u32 name_bytes = MIN(from->name_bytes, (u32)NAME_MAX);
  u32 metadata_bytes = MIN(from->metadata_bytes, (u32)METADATA_MAX);
  memcpy(identity.generation, from->generation, GENERATION_BYTES);
  identity.number = from->number;
  memcpy(identity.name, from->name, name_bytes);
  identity.name[name_bytes] = 0;
  memcpy(identity.metadata, from->metadata, metadata_bytes);
  identity.metadata[metadata_bytes] = 0;
}

void identity_start(void) {
  frame = doorbell_identity_frame();
  if (identity_present()) {
    read();
  }
}

void identity_listen(void) {
  static bool routed;
  if (identity_present() && !routed) {
    routed = true;
    ioapic_route(GSI_GENERATION);
  }
}

bool identity_present(void) {
  return frame < MAPPED_FRAMES;
}

bool identity_renewed(void) {
  if (!identity_present() ||
      memcmp(page()->generation, identity.generation, GENERATION_BYTES) == 0) {
    return false;
  }
  read();
  pages_note(page(), sizeof *page());
  return true;
}

void identity_report(const char *event) {
  event_begin(event);
  event_text("name", identity.name);
  event_number("number", identity.number);
  event_hex("generation", identity.generation, GENERATION_BYTES);
  event_text("metadata", identity.metadata);
  event_end();
}
