#include "shell.h"

#include "clock.h"
#include "clone.h"
#include "irq.h"
#include "options.h"
#include "report.h"
#include "steps.h"
#include "sys.h"

#define GSI_COM1 4
#define UART_DATA COM1
#define UART_INTERRUPT_ENABLE (COM1 + 1)
#define UART_LINE_STATUS (COM1 + 5)
#define IER_RECEIVED 1
#define LSR_DATA_READY 1
#define LINE_MAX 256
#define POLL_MAX 1024 /* characters taken at once, so that a flood cannot starve the rest */

static char line[LINE_MAX];
static size_t length;
static bool overlong;
static bool started;
static u32 served_irq;

void shell_start(void) {
  if (started) {
    return;
  }
  started = true;
  served_irq = irq_count[GSI_COM1] - 1;
  ioapic_route(GSI_COM1);
  sys_out8(UART_INTERRUPT_ENABLE, IER_RECEIVED);
}

/* Sets the line's options and runs its command; false when that is to go on. */
static bool run_line(void) {
  char *words[2] = {NULL, NULL};
  u32 count = 0;
  for (char *at = line; *at;) {
    while (*at == ' ') {
      *at++ = 0;
    }
    char *word = at;
    bool option = false;
    while (*at && *at != ' ') {
      option = option || *at == '=';
      at++;
    }
    if (*at) {
      *at++ = 0;
    }
    if (option) {
      if (!option_set(word)) {
        fail("no room for option %s", word);
      }
    } else if (*word && count < ARRAY_SIZE(words)) {
      words[count++] = word;
    }
  }
  if (count == 0) {
    return true;
  }
  if (text_equal(words[0], "continue")) {
    return false;
  }
  u64 start = clock_now_us();
  u32 failures_before = failure_count();
  bool known = step_run(words[0], words[1]);
  if (!known) {
    say("unknown command '%s'; known are: " STEP_NAMES ", continue", words[0]);
  }
  event_begin("command");
  event_text("command", words[0]);
  event_flag("known", known);
  event_number("failures", failure_count() - failures_before);
  event_number("elapsed_us", clock_now_us() - start);
  event_end();
  return !clone_has_new_steps();
}

bool shell_poll(void) {
  if (!started) {
    return true;
  }
  u32 count = irq_count[GSI_COM1];
  if (count == served_irq) {
    return true;
  }
  served_irq = count;
  for (u32 i = 0; sys_in8(UART_LINE_STATUS) & LSR_DATA_READY; i++) {
    char c = (char)sys_in8(UART_DATA);
    if (c != '\r' && c != '\n') {
      overlong = overlong || length == LINE_MAX - 1;
      if (!overlong) {
        line[length++] = c;
      }
    } else {
      line[length] = 0;
      length = 0;
      if (overlong) {
        fail("a command line is longer than %u characters", LINE_MAX - 1);
        overlong = false;
      } else if (!run_line()) {
        return false;
      }
    }
    if (i == POLL_MAX) {
      served_irq--; /* look again next time */
      break;
    }
  }
  return true;
}
