#include "modes.h"

#include "mem.h"
#include "options.h"
#include "probe_blk.h"
#include "report.h"
#include "rng.h"

#define DRAW_BYTES 32
#define DRAWS_DEFAULT 16
#define DRAWS_MAX 65536

/* A number of a comma-separated list; false when it is missing or malformed. */
static bool list_number(const char *list, u32 index, u64 *value) {
  char item[32];
  const char *at = item;
  return list_item(list, index, item, sizeof item) && parse_number(&at, value) && !*at;
}

static void write_pattern(void) {
  char given[OPTION_MAX];
  u64 seed, pages, sectors;
  const char *text = option_text("write-pattern", "");
  memcpy(given, text, strlen(text) + 1);
  if (!list_number(given, 0, &seed) || !list_number(given, 1, &pages) ||
      !list_number(given, 2, &sectors)) {
    fail("write-pattern=%s is not SEED,PAGES,SECTORS", given);
    return;
  }
  if (pages > 0) {
    mem_write_own(seed, pages);
  }
  for (u32 i = 0; sectors > 0 && i < blk_count; i++) {
    blk_probe(i, "out,flush,in", seed + i, option_number("blk.start", 0), sectors);
  }
}

static void stream_random(void) {
  u8 bytes[DRAW_BYTES];
  bool counted = *option_text("rng-stream", "");
  u64 draws = counted ? option_number("rng-stream", DRAWS_DEFAULT) : DRAWS_DEFAULT;
  for (u64 i = 0; i < MIN(draws, (u64)DRAWS_MAX) && rng_count() > 0; i++) {
    if (!rng_read(0, bytes, sizeof bytes)) {
      return;
    }
    event_begin("rng_draw");
    event_number("index", i);
    event_hex("bytes", bytes, sizeof bytes);
    event_end();
  }
}

void modes_run(void) {
  if (option_present("write-pattern")) {
    write_pattern();
    option_drop("write-pattern");
  }
  if (option_present("rng-stream")) {
    stream_random();
    option_drop("rng-stream");
  }
}
