/* The kernel command line: key=value words, separated by blanks. The last of equal keys counts. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "types.h"

#define OPTION_MAX 256

/* The value, or fallback when the key is missing. The result lives until the next call. */
const char *option_text(const char *key, const char *fallback);
/* A number, decimal or 0x, with an optional K, M or G; a malformed one is a counted failure. */
u64 option_number(const char *key, u64 fallback);
bool option_present(const char *key);
/* Where the key was given last, for comparison with another's; 0 when it is missing. */
u32 option_place(const char *key);
/* Sets key=value (one word) as if it had been on the command line; false when there is no room. */
bool option_set(const char *word);
void option_drop(const char *key);
/* Calls back with every value of a repeatable key. */
void option_each(const char *key, void (*visit)(const char *value));

/* Parses a number as above and moves *text behind it; false when there is none. */
bool parse_number(const char **text, u64 *value);
/* Copies item number index of a comma-separated list; false when the list is shorter. */
bool list_item(const char *list, u32 index, char *item, size_t item_size);
bool list_contains(const char *list, const char *item);

#endif
