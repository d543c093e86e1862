/* Fixed-width names and the few helpers every file needs. */
#ifndef TYPES_H
#define TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))

#define compiler_barrier() __asm__ volatile("" ::: "memory")
/* Orders an earlier store before a later load, which x86 alone does not. */
#define full_fence() __asm__ volatile("mfence" ::: "memory")

static inline u64 read_tsc(void) {
  u32 low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return low | (u64)high << 32;
}

static inline u16 swap16(u16 value) {
  return __builtin_bswap16(value);
}

static inline u32 swap32(u32 value) {
  return __builtin_bswap32(value);
}

/* text.c: what gcc expects of a freestanding environment. */
void *memcpy(void *to, const void *from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t strlen(const char *text);
/* Lets the compiler expand small copies in place, which -ffreestanding alone forbids. */
#define memcpy(to, from, count) __builtin_memcpy(to, from, count)
bool text_equal(const char *a, const char *b);
bool text_starts(const char *text, const char *prefix);

#endif
