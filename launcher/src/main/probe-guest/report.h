/*
 * All output: lines for people and, prefixed "@probe ", one JSON object per line for programs.
 * docs/probe-guest.md lists the events.
 */
#ifndef REPORT_H
#define REPORT_H

#include "types.h"

/* %s, %c, %u, %lu, %x, %lx with an optional 0-padded width, and %%. A newline is added. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, as a counted failure: a line and an event. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
u32 failure_count(void);
void print_raw(const char *text);

void event_begin(const char *name);
void event_number(const char *key, u64 value);
void event_text(const char *key, const char *value);
void event_flag(const char *key, bool value);
void event_hex(const char *key, const void *bytes, size_t count);
void event_format(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));
void event_end(void);

#endif
