#include "options.h"

#include "bootinfo.h"
#include "report.h"

static char found[OPTION_MAX];

static const char *skip_blanks(const char *text) {
  while (*text == ' ' || *text == '\t' || *text == '\n') {
    text++;
  }
  return text;
}

static size_t word_length(const char *text) {
  size_t length = 0;
  while (text[length] && text[length] != ' ' && text[length] != '\t' && text[length] != '\n') {
    length++;
  }
  return length;
}

/* The next occurrence of key at or after *cursor; its value goes to found. */
static bool next_value(const char **cursor, const char *key) {
  const char *word = skip_blanks(*cursor);
  for (; *word; word = skip_blanks(word)) {
    size_t length = word_length(word);
    size_t key_length = strlen(key);
    bool match = text_starts(word, key) && (length == key_length || word[key_length] == '=');
    if (match) {
      size_t start = MIN(key_length + 1, length);
      size_t count = MIN(length - start, OPTION_MAX - 1);
      memcpy(found, word + start, count);
      found[count] = 0;
      *cursor = word + length;
      return true;
    }
    word += length;
  }
  *cursor = word;
  return false;
}

const char *option_text(const char *key, const char *fallback) {
  const char *cursor = boot_info.cmdline;
  bool present = false;
  while (next_value(&cursor, key)) {
    present = true;
  }
  return present ? found : fallback;
}

u32 option_place(const char *key) {
  const char *cursor = boot_info.cmdline;
  u32 place = 0;
  while (next_value(&cursor, key)) {
    place = (u32)(cursor - boot_info.cmdline);
  }
  return place;
}

bool option_present(const char *key) {
  return option_place(key) != 0;
}

u64 option_number(const char *key, u64 fallback) {
  const char *text = option_text(key, NULL);
  u64 value;
  if (!text) {
    return fallback;
  }
  if (!parse_number(&text, &value) || *text) {
    fail("option %s: '%s' is not a number", key, found);
    return fallback;
  }
  return value;
}

/* Removes every word of this key and tells how many characters are left. */
static size_t drop(const char *key, size_t key_length) {
  size_t used = strlen(boot_info.cmdline);
  char *at = boot_info.cmdline;
  while (*(at += skip_blanks(at) - at)) {
    size_t old = word_length(at);
    bool same = old >= key_length && memcmp(at, key, key_length) == 0 &&
                (old == key_length || at[key_length] == '=');
    if (same) {
      memmove(at, at + old, used - (size_t)(at + old - boot_info.cmdline) + 1);
      used -= old;
    } else {
      at += old;
    }
  }
  return used;
}

void option_drop(const char *key) {
  drop(key, strlen(key));
}

bool option_set(const char *word) {
  size_t length = strlen(word);
  size_t key_length = 0;
  while (word[key_length] && word[key_length] != '=') {
    key_length++;
  }
  size_t used = drop(word, key_length);
  if (used + length + 2 > OPTIONS_MAX) {
    return false;
  }
  boot_info.cmdline[used] = ' ';
  memcpy(boot_info.cmdline + used + 1, word, length + 1);
  return true;
}

void option_each(const char *key, void (*visit)(const char *value)) {
  const char *cursor = boot_info.cmdline;
  while (next_value(&cursor, key)) {
    visit(found);
  }
}

static int digit_of(char c, u32 base) {
  int digit = c >= '0' && c <= '9'   ? c - '0'
              : c >= 'a' && c <= 'f' ? c - 'a' + 10
              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                     : 99;
  return digit < (int)base ? digit : -1;
}

bool parse_number(const char **text, u64 *value) {
  const char *at = *text;
  u32 base = 10;
  if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
    base = 16;
    at += 2;
  }
  if (digit_of(*at, base) < 0) {
    return false;
  }
  u64 result = 0;
  for (; digit_of(*at, base) >= 0; at++) {
    result = result * base + (u64)digit_of(*at, base);
  }
  u32 shift = *at == 'K' ? 10 : *at == 'M' ? 20 : *at == 'G' ? 30 : 0;
  *value = result << shift;
  *text = shift ? at + 1 : at;
  return true;
}

bool list_item(const char *list, u32 index, char *item, size_t item_size) {
  for (; index; index--) {
    while (*list && *list != ',') {
      list++;
    }
    if (!*list++) {
      return false;
    }
  }
  size_t length = 0;
  while (list[length] && list[length] != ',' && length < item_size - 1) {
    item[length] = list[length];
    length++;
  }
  item[length] = 0;
  return length > 0;
}

bool list_contains(const char *list, const char *item) {
  char current[64];
  for (u32 i = 0; list_item(list, i, current, sizeof current); i++) {
    if (text_equal(current, item)) {
      return true;
    }
  }
  return false;
}
