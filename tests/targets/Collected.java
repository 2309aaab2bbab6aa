// SPDX-License-Identifier: MIT
// A Java program whose heap grows, shrinks and is collected, and that says at the end what its virtual machine
// says of that: "name number" a line. Arguments: how much stays alive, in MiB, and how often all is collected.
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.ArrayList;
import java.util.List;

public class Collected {
    private static final List<byte[]> kept = new ArrayList<>();

    private static void grow(int mebibytes) {
        for (int i = 0; i < mebibytes * 64; i++)
            kept.add(new byte[16 << 10]);
    }

    private static void makeGarbage(int mebibytes) {
        long sum = 0;
        for (int i = 0; i < mebibytes * 64; i++)
            sum += new byte[16 << 10].length;
        if (sum != (long) mebibytes << 20)
            throw new AssertionError("garbage of " + sum + " bytes");
    }

    private static void child() throws Exception {
        Process process = new ProcessBuilder("/bin/echo", "child").inheritIO().start();
        System.out.println("child " + process.waitFor());
    }

    private static boolean isEden(MemoryPoolMXBean pool) {
        return pool.getName().contains("Eden");
    }

    private static void report() {
        StringBuilder lines = new StringBuilder();
        long used = 0;
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getType() == MemoryType.HEAP && !isEden(pool))
                used += pool.getUsage().getUsed();
        }
        lines.append("used ").append(used).append('\n');
        var heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
        lines.append("committed ").append(heap.getCommitted()).append('\n');
        lines.append("max ").append(heap.getMax()).append('\n');
        for (GarbageCollectorMXBean bean : ManagementFactory.getGarbageCollectorMXBeans())
            lines.append(bean.getName().replace(' ', '_')).append(' ').append(bean.getCollectionCount()).append('\n');
        System.out.print(lines);
    }

    public static void main(String[] arguments) throws Exception {
        grow(Integer.parseInt(arguments[0]));
        makeGarbage(200);
        for (int i = Integer.parseInt(arguments[1]); i > 0; i--)
            System.gc();
        child();
        report();
    }
}
