package dev.basepoint.vmm.rehearsal;

import dev.basepoint.ipc.control.SupervisionRequest.Kind;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.vmm.virtio.MmioSlot;
import dev.basepoint.vmm.virtio.mmio.MmioRegister;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * The guest of a rehearsal: a handful of instructions that carry out two lists of 32-bit stores,
 * one before the ready doorbell and one after it. The lists are a driver's work, put together here:
 * they set up every queue of every device, and make requests.
 *
 * <pre>
 *   file and RAM    code | first list | second list       list   address | value | ... | 0
 *   RAM             ring area of each queue: descriptors, available ring, used ring, buffers
 * </pre>
 */
final class ScratchGuest {
  static final long RAM_BYTES = 4 << 20;

  /** A device and what is done with each of its queues. */
  record Device(String name, Kind kind, int queueCount) {}

  static final List<Device> DEVICES =
      List.of(
          new Device("disk", Kind.BLK, 1),
          new Device("card", Kind.NET, 2),
          new Device("entropy", Kind.RNG, 1));

  /** Requests on each queue before the doorbell, and all of them. */
  static final int REQUESTS_BEFORE = 3;

  static final int REQUESTS = 24;

  private static final int LOAD_GPA = 0x10_0000;
  private static final int RINGS_GPA = 0x20_0000;
  private static final int RING_AREA_BYTES = 0x1_0000;
  private static final int AVAIL_OFFSET = 0x1000;
  private static final int USED_OFFSET = 0x2000;
  private static final int BUFFERS_OFFSET = 0x3000;
  private static final int QUEUE_SIZE = 64;
  private static final int READ_BYTES = 16;
  private static final int WRITE_BYTES = 512;

  private static final int STATUS_DRIVER = 3;
  private static final int STATUS_FEATURES_OK = 11;
  private static final int STATUS_DRIVER_OK = 15;
  private static final int EVENT_IDX = 1 << 29;
  private static final int VERSION_1_HIGH = 1;
  private static final int DESC_NEXT = 1;
  private static final int DESC_WRITE = 2 << 16;

  /** play: mov edi, [esi]; test edi, edi; jz done; mov eax, [esi+4]; mov [edi], eax; ... */
  private static final int[] PLAY = {
    0x8b, 0x3e, 0x85, 0xff, 0x74, 0x0a, 0x8b, 0x46, 0x04, 0x89, 0x07, 0x83, 0xc6, 0x08, 0xeb, 0xf0
  };

  /** mov edx, 0x610; mov eax, 1; out dx, eax. */
  private static final int[] READY = {0xba, 0x10, 6, 0, 0, 0xb8, 1, 0, 0, 0, 0xef};

  /** mov edx, 0x3f8; mov al, '.'; out dx, al. */
  private static final int[] PRINT = {0xba, 0xf8, 3, 0, 0, 0xb0, '.', 0xee};

  /** mov edx, 0x610; mov eax, 0x100; out dx, eax; halt: hlt; jmp halt. */
  private static final int[] MARK = {0xba, 0x10, 6, 0, 0, 0xb8, 0, 1, 0, 0, 0xef, 0xf4, 0xeb, 0xfd};

  private static final int MOV_ESI = 0xbe;
  private static final int MOV_ESI_BYTES = 5;
  private static final int CODE_BYTES =
      2 * (MOV_ESI_BYTES + PLAY.length) + READY.length + PRINT.length + MARK.length;

  private static final int ELF_HEADER_BYTES = 64;
  private static final int PROGRAM_HEADER_BYTES = 56;
  private static final int NOTE_OFFSET = ELF_HEADER_BYTES + 2 * PROGRAM_HEADER_BYTES;
  private static final int NOTE_BYTES = 20;
  private static final int CODE_OFFSET = 256;

  private final ByteBuffer file =
      ByteBuffer.allocate(256 * 1024).order(ByteOrder.LITTLE_ENDIAN).position(CODE_OFFSET);

  private ScratchGuest() {}

  /** The guest as a PVH kernel. */
  static Fd kernel() throws ErrnoException {
    ScratchGuest guest = new ScratchGuest();
    guest.writeMemory();
    guest.writeHeaders();
    byte[] bytes = new byte[guest.file.position()];
    guest.file.get(0, bytes);
    Fd kernel = MemFd.create("rehearsal-kernel", 0);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment content = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
      ErrnoException.check(Syscalls.pwrite(kernel.number(), content, 0), "rehearsal kernel");
    }
    return kernel;
  }

  private void writeMemory() {
    int first = CODE_OFFSET + CODE_BYTES;
    file.position(first);
    DEVICES.forEach(this::setUp);
    submit(0, REQUESTS_BEFORE);
    file.putInt(0);
    int second = file.position();
    submit(REQUESTS_BEFORE, REQUESTS);
    file.putInt(0);
    int end = file.position();
    file.position(CODE_OFFSET);
    playList(first);
    code(READY);
    playList(second);
    code(PRINT);
    code(MARK);
    file.position(end);
  }

  private void playList(int fileOffset) {
    file.put((byte) MOV_ESI).putInt(LOAD_GPA + fileOffset - CODE_OFFSET);
    code(PLAY);
  }

  private void code(int... bytes) {
    for (int value : bytes) {
      file.put((byte) value);
    }
  }

  private void store(long address, int value) {
    file.putInt((int) address).putInt(value);
  }

  private static long register(int device, int register) {
    return MmioSlot.of(device).baseGpa() + register;
  }

  private static int ringArea(int device, int queue) {
    int before = DEVICES.subList(0, device).stream().mapToInt(Device::queueCount).sum();
    return RINGS_GPA + (before + queue) * RING_AREA_BYTES;
  }

  private void setUp(Device device) {
    int index = DEVICES.indexOf(device);
    store(register(index, MmioRegister.STATUS), STATUS_DRIVER);
    store(register(index, MmioRegister.DRIVER_FEATURES_SEL), 0);
    store(register(index, MmioRegister.DRIVER_FEATURES), EVENT_IDX);
    store(register(index, MmioRegister.DRIVER_FEATURES_SEL), 1);
    store(register(index, MmioRegister.DRIVER_FEATURES), VERSION_1_HIGH);
    store(register(index, MmioRegister.STATUS), STATUS_FEATURES_OK);
    for (int queue = 0; queue < device.queueCount(); queue++) {
      int area = ringArea(index, queue);
      store(register(index, MmioRegister.QUEUE_SEL), queue);
      store(register(index, MmioRegister.QUEUE_NUM), QUEUE_SIZE);
      store(register(index, MmioRegister.QUEUE_DESC_LOW), area);
      store(register(index, MmioRegister.QUEUE_DRIVER_LOW), area + AVAIL_OFFSET);
      store(register(index, MmioRegister.QUEUE_DEVICE_LOW), area + USED_OFFSET);
      store(register(index, MmioRegister.QUEUE_READY), 1);
    }
    store(register(index, MmioRegister.STATUS), STATUS_DRIVER_OK);
  }

  /** Makes requests {@code from} to {@code to} on every queue; one kick for each. */
  private void submit(int from, int to) {
    for (int request = from; request < to; request++) {
      for (int device = 0; device < DEVICES.size(); device++) {
        for (int queue = 0; queue < DEVICES.get(device).queueCount(); queue++) {
          submit(device, queue, request);
        }
      }
    }
  }

  /** A chain of one readable and one writable descriptor, the two numbered by the request. */
  private void submit(int device, int queue, int request) {
    int area = ringArea(device, queue);
    int head = 2 * request;
    int desc = area + head * 16;
    int buffer = area + BUFFERS_OFFSET + request * 2 * WRITE_BYTES;
    store(desc, buffer);
    store(desc + 8, READ_BYTES);
    store(desc + 12, DESC_NEXT | (head + 1) << 16);
    store(desc + 16, buffer + WRITE_BYTES);
    store(desc + 24, WRITE_BYTES);
    store(desc + 28, DESC_WRITE >>> 16);
    // Ring entries have 16 bits: a pair of them is stored at once, the even one again.
    int even = request & ~1;
    int pair = 2 * even | (request == even ? 0 : head) << 16;
    store(area + AVAIL_OFFSET + 4 + even * 2, pair);
    store(area + AVAIL_OFFSET, (request + 1) << 16);
    store(register(device, MmioRegister.QUEUE_NOTIFY), queue);
  }

  /** An ELF file with one segment to load, and the note that says where it starts. */
  private void writeHeaders() {
    int loadBytes = file.position() - CODE_OFFSET;
    file.putInt(0, 0x464c457f).put(4, (byte) 2).put(5, (byte) 1).put(6, (byte) 1);
    file.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1);
    file.putLong(32, ELF_HEADER_BYTES).putShort(52, (short) ELF_HEADER_BYTES);
    file.putShort(54, (short) PROGRAM_HEADER_BYTES).putShort(56, (short) 2);
    programHeader(ELF_HEADER_BYTES, 1, CODE_OFFSET, LOAD_GPA, loadBytes);
    programHeader(ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES, 4, NOTE_OFFSET, 0, NOTE_BYTES);
    file.putInt(NOTE_OFFSET, 4).putInt(NOTE_OFFSET + 4, 4).putInt(NOTE_OFFSET + 8, 18);
    file.put(NOTE_OFFSET + 12, new byte[] {'X', 'e', 'n', 0});
    file.putInt(NOTE_OFFSET + 16, LOAD_GPA);
  }

  private void programHeader(int at, int type, long offset, long gpa, long sizeBytes) {
    file.putInt(at, type).putInt(at + 4, 7).putLong(at + 8, offset).putLong(at + 16, gpa);
    file.putLong(at + 24, gpa).putLong(at + 32, sizeBytes).putLong(at + 40, sizeBytes);
    file.putLong(at + 48, 4);
  }
}
