/* What the metadata of a clone may ask for on top of its report. */
#ifndef MODES_H
#define MODES_H

/*
 * write-pattern=SEED,PAGES,SECTORS and rng-stream=DRAWS, once: who is restored from a snapshot of
 * this clone does not do it again.
 */
void modes_run(void);

#endif
