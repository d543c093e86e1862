#include "types.h"

#undef memcpy

void *memcpy(void *to, const void *from, size_t count) {
  void *result = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
  return result;
}

void *memmove(void *to, const void *from, size_t count) {
  if ((u64)to - (u64)from >= count) {
    return memcpy(to, from, count);
  }
  u8 *t = to;
  const u8 *f = from;
  while (count--) {
    t[count] = f[count];
  }
  return to;
}

void *memset(void *to, int value, size_t count) {
  void *result = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
  return result;
}

int memcmp(const void *a, const void *b, size_t count) {
  const u8 *x = a;
  const u8 *y = b;
  for (size_t i = 0; i < count; i++) {
    if (x[i] != y[i]) {
      return x[i] - y[i];
    }
  }
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) {
    length++;
  }
  return length;
}

bool text_equal(const char *a, const char *b) {
  return strlen(a) == strlen(b) && memcmp(a, b, strlen(a)) == 0;
}

bool text_starts(const char *text, const char *prefix) {
  while (*prefix) {
    if (*text++ != *prefix++) {
      return false;
    }
  }
  return true;
}
