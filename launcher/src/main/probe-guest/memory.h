/* A bump allocator over the RAM above the image; marks allow stack-like release. */
#ifndef MEMORY_H
#define MEMORY_H

#include "types.h"

#define PAGE_SIZE 4096

/* Zeroed memory; ends the program with a crash report when RAM is used up. */
void *memory_get(size_t bytes, size_t alignment);
u64 memory_mark(void);
void memory_release(u64 mark);
u64 memory_left(void);

#endif
