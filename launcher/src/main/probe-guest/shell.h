/* Commands on the serial console, one per line: STEP or COMMAND, then key=value words. */
#ifndef SHELL_H
#define SHELL_H

#include "types.h"

/* Starts to listen on the console. */
void shell_start(void);
/* Runs the complete lines that have arrived; false when one of them said to go on. */
bool shell_poll(void);

#endif
