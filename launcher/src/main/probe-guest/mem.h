/* A pattern in RAM that stays, so that forks can prove what they own. */
#ifndef MEM_H
#define MEM_H

void probe_mem(void);
void probe_mem_verify(void);

#endif
