// SPDX-License-Identifier: MIT
// A Java program whose heap grows, shrinks and is collected, and that says at the end what its virtual machine
// says of that: "name number" a line. Arguments: how many MiB stay alive, how many are let go of, how often all is
// collected then; and, if wanted, how many MiB beside the heap may be mapped before it goes on: G1 gives back what
// it does not need a moment after a collection. Between it starts another program.
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;

public class Collected {
    private static final int PIECE_BYTES = 16 << 10;

    private static List<byte[]> grow(int mebibytes) {
        List<byte[]> kept = new ArrayList<>();
        for (int i = 0; i < (mebibytes << 20) / PIECE_BYTES; i++)
            kept.add(new byte[PIECE_BYTES]);
        return kept;
    }

    private static void startAnother() throws Exception {
        Process process = new ProcessBuilder("/bin/echo", "another").inheritIO().start();
        say("status", process.waitFor());
    }

    private static void say(String name, long number) {
        System.out.println(name.replace(' ', '_') + " " + number);
    }

    private static long usedOutsideOfEden() {
        long used = 0;
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getType() == MemoryType.HEAP && !pool.getName().contains("Eden"))
                used += pool.getUsage().getUsed();
        }
        return used;
    }

    private static MemoryUsage heap() {
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
    }

    /** Writable memory that is no file's. */
    private static long mappedBytes() throws Exception {
        long bytes = 0;
        for (String line : Files.readAllLines(Paths.get("/proc/self/maps"))) {
            String[] fields = line.split("\\s+");
            String[] range = fields[0].split("-");
            if (fields.length == 5 && fields[1].startsWith("rw"))
                bytes += Long.parseUnsignedLong(range[1], 16) - Long.parseUnsignedLong(range[0], 16);
        }
        return bytes;
    }

    private static void awaitMapped(int mebibytesBesideHeap) throws Exception {
        long besideHeap = (long) mebibytesBesideHeap << 20;
        for (int i = 0; i < 200 && mappedBytes() > heap().getCommitted() + besideHeap; i++)
            Thread.sleep(100);
        say("mapped", mappedBytes());
    }

    private static void report() {
        MemoryUsage heap = heap();
        say("used", usedOutsideOfEden());
        say("committed", heap.getCommitted());
        say("max", heap.getMax());
        for (GarbageCollectorMXBean bean : ManagementFactory.getGarbageCollectorMXBeans())
            say(bean.getName(), bean.getCollectionCount());
    }

    public static void main(String[] arguments) throws Exception {
        List<byte[]> kept = grow(Integer.parseInt(arguments[0]));
        grow(Integer.parseInt(arguments[1]));
        for (int i = Integer.parseInt(arguments[2]); i > 0; i--)
            System.gc();
        if (arguments.length > 3)
            awaitMapped(Integer.parseInt(arguments[3]));
        startAnother();
        report();
        say("pieces", kept.size());
    }
}
