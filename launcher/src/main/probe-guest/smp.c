#include "smp.h"

#include "clock.h"
#include "irq.h"
#include "memory.h"
#include "options.h"
#include "probe_blk.h"
#include "random.h"
#include "report.h"
#include "sha256.h"
#include "sys.h"

#define INIT_PAUSE_US 200
#define SIPI_RETRY_US 100000
#define ONLINE_TIMEOUT_US 5000000
#define WORK_TIMEOUT_US 30000000
#define WORK_BYTES 65536
#define WORK_ROUNDS 10000

struct cpu {
  volatile u32 online;
  volatile u32 job; /* number of the job to do */
  volatile u32 done; /* number of the last job done */
  volatile u64 answer;
  u8 *buffer;
  u8 digest[SHA256_BYTES];
};

static struct cpu cpus[MAX_CPUS];
static u32 cpu_count = 1;
static u32 last_job;
static volatile u64 question; /* 0: the whole work, else one number from each */
static volatile u64 shared_counter;
extern const u8 trampoline[], trampoline_end[];

static void work(u32 index) {
  struct cpu *cpu = &cpus[index];
  struct sha256 hash;
  blk_pattern(index, 0, cpu->buffer, WORK_BYTES);
  sha256_start(&hash);
  sha256_add(&hash, cpu->buffer, WORK_BYTES);
  sha256_end(&hash, cpu->digest);
  for (u32 i = 0; i < WORK_ROUNDS; i++) {
    __atomic_fetch_add(&shared_counter, 1, __ATOMIC_SEQ_CST);
  }
}

static u64 answer_of(u32 index, u64 asked) {
  struct random random = {asked + index};
  return random_next(&random);
}

/* Where boot.S sends an application processor. */
_Noreturn void ap_start(u32 index) {
  struct cpu *cpu = &cpus[index];
  lapic_start();
  cpu->online = 1;
  lapic_wake(0);
  for (;;) {
    while (cpu->job == cpu->done) {
      sys_wait(&cpu->job, cpu->done, 0, NULL, 0);
    }
    if (question) {
      cpu->answer = answer_of(index, question);
    } else {
      work(index);
    }
    compiler_barrier();
    cpu->done = cpu->job;
    lapic_wake(0);
  }
}

static u32 online(void) {
  u32 count = 1;
  for (u32 i = 1; i < cpu_count; i++) {
    count += cpus[i].online;
  }
  return count;
}

static u32 finished(u32 job) {
  u32 count = 0;
  for (u32 i = 0; i < cpu_count; i++) {
    count += cpus[i].done == job;
  }
  return count;
}

static bool wait_online(u64 micros) {
  u64 deadline = deadline_in_us(micros);
  for (;;) {
    u32 seen = irq_any;
    if (online() == cpu_count) {
      return true;
    }
    if (!wait_until_changed(&irq_any, seen, deadline, NULL, 0) && deadline_passed(deadline)) {
      return false;
    }
  }
}

void smp_start(void) {
  u64 wanted = option_number("cpus", 1);
  if (wanted == 0 || wanted > MAX_CPUS) {
    fail("cpus=%lu is not from 1 to %u", wanted, MAX_CPUS);
    return;
  }
  cpu_count = (u32)wanted;
  if (cpu_count == 1) {
    return;
  }
  memcpy((void *)TRAMPOLINE_ADDR, trampoline, (size_t)(trampoline_end - trampoline));
  for (u32 i = 1; i < cpu_count; i++) {
    lapic_init_processor(i);
  }
  sleep_us(INIT_PAUSE_US);
  for (u32 i = 1; i < cpu_count; i++) {
    lapic_start_processor(i);
  }
  if (wait_online(SIPI_RETRY_US)) {
    return;
  }
  for (u32 i = 1; i < cpu_count; i++) {
    if (!cpus[i].online) {
      lapic_start_processor(i);
    }
  }
  if (!wait_online(ONLINE_TIMEOUT_US)) {
    fail("smp: %u of %u processors are online", online(), cpu_count);
  }
}

static void give_job(void) {
  last_job++;
  for (u32 i = 0; i < cpu_count; i++) {
    cpus[i].job = last_job;
    if (i > 0 && cpus[i].online) {
      lapic_wake(i);
    }
  }
}

static void await_job(void) {
  cpus[0].done = last_job;
  u64 deadline = deadline_in_us(WORK_TIMEOUT_US);
  for (;;) {
    u32 seen = irq_any;
    if (finished(last_job) >= online() || deadline_passed(deadline)) {
      return;
    }
    wait_until_changed(&irq_any, seen, deadline, NULL, 0);
  }
}

u32 smp_count(void) {
  return cpu_count;
}

u32 smp_answers(u64 asked) {
  question = asked ? asked : 1;
  give_job();
  cpus[0].answer = answer_of(0, question);
  await_job();
  u32 correct = 0;
  for (u32 i = 0; i < cpu_count; i++) {
    correct += cpus[i].done == last_job && cpus[i].answer == answer_of(i, question);
  }
  question = 0;
  return correct;
}

void probe_smp(void) {
  u64 start = clock_now_us();
  shared_counter = 0;
  for (u32 i = 0; i < cpu_count; i++) {
    if (!cpus[i].buffer) {
      cpus[i].buffer = memory_get(WORK_BYTES, PAGE_SIZE);
    }
    memset(cpus[i].digest, 0, SHA256_BYTES);
  }
  give_job();
  work(0);
  await_job();
  u32 correct = 0;
  for (u32 i = 0; i < cpu_count; i++) {
    u8 digest[SHA256_BYTES];
    memcpy(digest, cpus[i].digest, SHA256_BYTES);
    bool done = cpus[i].done == last_job;
    u64 counter = shared_counter;
    if (done) {
      work(i);
    }
    shared_counter = counter;
    correct += done && memcmp(digest, cpus[i].digest, SHA256_BYTES) == 0;
  }
  if (correct != cpu_count || shared_counter != (u64)cpu_count * WORK_ROUNDS) {
    fail("smp: %u of %u processors did their work, counter %lu", correct, cpu_count,
         shared_counter);
  }
  say("smp: %u of %u processors online and correct", correct, cpu_count);
  event_begin("smp");
  event_number("requested", cpu_count);
  event_number("online", online());
  event_number("correct", correct);
  event_number("counter", shared_counter);
  event_number("elapsed_us", clock_now_us() - start);
  event_end();
}
