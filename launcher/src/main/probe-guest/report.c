#include "report.h"

#include "clock.h"
#include "sys.h"

#define LINE_MAX 15360 /* room for a clone's metadata with every character escaped */

struct line {
  char bytes[LINE_MAX];
  size_t length;
};

static struct line human;
static struct line event;
static u32 failures;

static void put(struct line *line, char c) {
  if (line->length < LINE_MAX - 2) {
    line->bytes[line->length++] = c;
  }
}

static void put_text(struct line *line, const char *text) {
  while (*text) {
    put(line, *text++);
  }
}

static void put_number(struct line *line, u64 value, u32 base, u32 width) {
  char digits[24];
  u32 count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  while (count < width && count < sizeof digits) {
    digits[count++] = '0';
  }
  while (count) {
    put(line, digits[--count]);
  }
}

static void put_format(struct line *line, const char *format, va_list arguments) {
  for (; *format; format++) {
    if (*format != '%') {
      put(line, *format);
      continue;
    }
    u32 width = 0;
    bool is_long = false;
    for (format++; *format >= '0' && *format <= '9'; format++) {
      width = width * 10 + (u32)(*format - '0');
    }
    if (*format == 'l') {
      is_long = true;
      format++;
    }
    switch (*format) {
      case 's':
        put_text(line, va_arg(arguments, const char *));
        break;
      case 'c':
        put(line, (char)va_arg(arguments, int));
        break;
      case 'u':
      case 'x':
        put_number(line, is_long ? va_arg(arguments, u64) : va_arg(arguments, u32),
                   *format == 'u' ? 10 : 16, width);
        break;
      default:
        put(line, *format);
    }
  }
}

static void flush(struct line *line) {
  line->bytes[line->length++] = '\r';
  line->bytes[line->length++] = '\n';
  sys_serial_write(line->bytes, line->length);
  line->length = 0;
}

void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  put_format(&human, format, arguments);
  va_end(arguments);
  flush(&human);
}

void print_raw(const char *text) {
  sys_serial_write(text, strlen(text));
}

/* The character at *text, which moves behind it; a byte that is not UTF-8 stands for itself. */
static u32 take_character(const char **text) {
  const u8 *at = (const u8 *)*text;
  u32 more = at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : at[0] >= 0xc2 ? 1 : 0;
  u32 value = more ? at[0] & (0x3fu >> more) : at[0];
  for (u32 i = 1; i <= more; i++) {
    if ((at[i] & 0xc0) != 0x80) {
      (*text)++;
      return at[0];
    }
    value = value << 6 | (at[i] & 0x3f);
  }
  *text += 1 + more;
  return value;
}

static void put_unit(struct line *line, u32 unit) {
  put_text(line, "\\u");
  put_number(line, unit, 16, 4);
}

static void put_escaped(struct line *line, const char *text) {
  while (*text) {
    u32 c = take_character(&text);
    if (c == '"' || c == '\\') {
      put(line, '\\');
      put(line, (char)c);
    } else if (c >= 0x10000) {
      put_unit(line, 0xd800 + ((c - 0x10000) >> 10 & 0x3ff));
      put_unit(line, 0xdc00 + (c & 0x3ff));
    } else if (c < 0x20 || c >= 0x7f) {
      put_unit(line, c);
    } else {
      put(line, (char)c);
    }
  }
}

static void put_key(const char *key) {
  put_text(&event, ",\"");
  put_text(&event, key);
  put_text(&event, "\":");
}

void event_begin(const char *name) {
  event.length = 0;
  put_text(&event, "@probe {\"event\":\"");
  put_text(&event, name);
  put(&event, '"');
}

void event_number(const char *key, u64 value) {
  put_key(key);
  put_number(&event, value, 10, 0);
}

void event_text(const char *key, const char *value) {
  put_key(key);
  put(&event, '"');
  put_escaped(&event, value);
  put(&event, '"');
}

void event_flag(const char *key, bool value) {
  put_key(key);
  put_text(&event, value ? "true" : "false");
}

void event_hex(const char *key, const void *bytes, size_t count) {
  put_key(key);
  put(&event, '"');
  for (size_t i = 0; i < count; i++) {
    put_number(&event, ((const u8 *)bytes)[i], 16, 2);
  }
  put(&event, '"');
}

void event_format(const char *key, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  put_key(key);
  put(&event, '"');
  put_format(&event, format, arguments);
  put(&event, '"');
  va_end(arguments);
}

void event_end(void) {
  event_number("us", clock_now_us());
  put(&event, '}');
  flush(&event);
}

void fail(const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  put_format(&human, format, arguments);
  va_end(arguments);
  size_t length = MIN(human.length, sizeof text - 1);
  memcpy(text, human.bytes, length);
  text[length] = 0;
  human.length = 0;
  failures++;
  say("FAILED: %s", text);
  event_begin("failure");
  event_text("text", text);
  event_end();
}

u32 failure_count(void) {
  return failures;
}
