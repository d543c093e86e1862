package dev.basepoint.vmm.virtio;

import dev.basepoint.ipc.control.SupervisionRequest.Kind;
import dev.basepoint.ipc.virtqueue.QueuePosition;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.vmm.virtio.mmio.TransportState;
import dev.basepoint.vmm.virtio.mmio.VirtioMmio;
import dev.basepoint.vmm.virtio.shadow.SavedQueue;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A saved device as bytes. Integers have 32 bits, addresses and features 64, flags 8; all are
 * big-endian, whatever the machine's own order. A list has its count before it.
 *
 * <pre>
 *   version | name | kind | device id | features | queue count | queue size max
 *   config | config generation
 *   status | interrupt status | three selectors | driver features | unknown features
 *   registers of each queue:  ready | size | descriptors | available ring | used ring
 *   each served queue:        index | next available | next used | heads in flight
 * </pre>
 */
final class SavedDeviceCodec {
  private static final int VERSION = 1;

  /** Bounds what a damaged count can make us allocate. */
  private static final int COUNT_MAX = 65_536;

  private SavedDeviceCodec() {}

  static byte[] encode(SavedDevice device) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    try {
      out.writeInt(VERSION);
      writeBytes(out, device.name().getBytes(StandardCharsets.UTF_8));
      writeBytes(out, device.kind().wireName().getBytes(StandardCharsets.US_ASCII));
      out.writeInt(device.identity().deviceId());
      out.writeLong(device.identity().features());
      out.writeInt(device.identity().queueCount());
      out.writeInt(device.identity().queueSizeMax());
      writeBytes(out, device.config());
      out.writeInt(device.configGeneration());
      writeTransport(out, device.transport());
      writeQueues(out, device.queues());
    } catch (IOException e) {
      throw new IllegalStateException("memory does not fail", e);
    }
    return bytes.toByteArray();
  }

  private static void writeBytes(DataOutputStream out, byte[] content) throws IOException {
    out.writeInt(content.length);
    out.write(content);
  }

  private static void writeTransport(DataOutputStream out, TransportState state)
      throws IOException {
    out.writeInt(state.status());
    out.writeInt(state.interruptStatus());
    out.writeInt(state.deviceFeaturesSel());
    out.writeInt(state.driverFeaturesSel());
    out.writeInt(state.queueSel());
    out.writeLong(state.driverFeatures());
    out.writeBoolean(state.unknownFeatures());
    out.writeInt(state.queues().size());
    for (TransportState.Queue queue : state.queues()) {
      out.writeBoolean(queue.ready());
      out.writeInt(queue.addresses().queueSize());
      out.writeLong(queue.addresses().descGpa());
      out.writeLong(queue.addresses().availGpa());
      out.writeLong(queue.addresses().usedGpa());
    }
  }

  private static void writeQueues(DataOutputStream out, List<SavedQueue> queues)
      throws IOException {
    out.writeInt(queues.size());
    for (SavedQueue queue : queues) {
      out.writeInt(queue.index());
      out.writeInt(queue.position().nextAvail());
      out.writeInt(queue.position().nextUsed());
      out.writeInt(queue.heads().length);
      for (int head : queue.heads()) {
        out.writeInt(head);
      }
    }
  }

  /**
   * Reads what {@link #encode} made; the values still have to be judged by whoever takes them over.
   *
   * @throws IOException if it is damaged or of another version
   */
  static SavedDevice decode(ByteBuffer content) throws IOException {
    ByteBuffer in = content.slice().order(ByteOrder.BIG_ENDIAN);
    try {
      int version = in.getInt();
      if (version != VERSION) {
        throw new IOException("its state has version " + version + ", this program reads 1");
      }
      SavedDevice device =
          new SavedDevice(
              new String(readBytes(in), StandardCharsets.UTF_8),
              readKind(in),
              new VirtioMmio.Identity(in.getInt(), in.getLong(), in.getInt(), in.getInt()),
              readBytes(in),
              in.getInt(),
              readTransport(in),
              readQueues(in));
      if (in.hasRemaining()) {
        throw new IOException("its state has surplus bytes");
      }
      return device;
    } catch (BufferUnderflowException e) {
      throw new IOException("its state is cut off", e);
    } catch (IllegalArgumentException e) {
      throw new IOException("its state is damaged: " + e.getMessage(), e);
    }
  }

  private static byte[] readBytes(ByteBuffer in) throws IOException {
    byte[] content = new byte[readCount(in)];
    in.get(content);
    return content;
  }

  private static int readCount(ByteBuffer in) throws IOException {
    int count = in.getInt();
    if (count < 0 || count > COUNT_MAX) {
      throw new IOException("its state has a count of " + count);
    }
    return count;
  }

  private static Kind readKind(ByteBuffer in) throws IOException {
    String name = new String(readBytes(in), StandardCharsets.US_ASCII);
    for (Kind kind : Kind.values()) {
      if (kind.wireName().equals(name)) {
        return kind;
      }
    }
    throw new IOException("its state is of an unknown kind of device");
  }

  private static TransportState readTransport(ByteBuffer in) throws IOException {
    int status = in.getInt();
    int interruptStatus = in.getInt();
    int deviceFeaturesSel = in.getInt();
    int driverFeaturesSel = in.getInt();
    int queueSel = in.getInt();
    long driverFeatures = in.getLong();
    boolean unknownFeatures = in.get() != 0;
    List<TransportState.Queue> queues = new ArrayList<>();
    for (int left = readCount(in); left > 0; left--) {
      queues.add(
          new TransportState.Queue(
              in.get() != 0,
              new RingAddresses(in.getInt(), in.getLong(), in.getLong(), in.getLong())));
    }
    return new TransportState(
        status,
        interruptStatus,
        deviceFeaturesSel,
        driverFeaturesSel,
        queueSel,
        driverFeatures,
        unknownFeatures,
        queues);
  }

  private static List<SavedQueue> readQueues(ByteBuffer in) throws IOException {
    List<SavedQueue> queues = new ArrayList<>();
    for (int left = readCount(in); left > 0; left--) {
      int index = in.getInt();
      QueuePosition position = new QueuePosition(in.getInt(), in.getInt());
      int[] heads = new int[readCount(in)];
      for (int i = 0; i < heads.length; i++) {
        heads[i] = in.getInt();
      }
      queues.add(new SavedQueue(index, position, heads));
    }
    return queues;
  }
}
