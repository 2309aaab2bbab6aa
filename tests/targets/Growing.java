// SPDX-License-Identifier: MIT
// A Java program that keeps some objects for ever and others long enough to grow old. Arguments: KiB a second that
// it keeps, KiB a second of what lives for 20 s, and seconds between collections that it asks for (0: none).
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

public class Growing {
    private static final int PIECE_BYTES = 1000;
    private static final int ROUNDS_PER_SECOND = 20;
    private static final int ROUNDS_OF_SESSION = 20 * ROUNDS_PER_SECOND;

    private static byte[][] pieces(int kibibytesPerSecond) {
        byte[][] made = new byte[kibibytesPerSecond / ROUNDS_PER_SECOND][];
        for (int i = 0; i < made.length; i++)
            made[i] = new byte[PIECE_BYTES];
        return made;
    }

    public static void main(String[] arguments) throws Exception {
        int kept = Integer.parseInt(arguments[0]);
        int sessions = Integer.parseInt(arguments[1]);
        int collectEverySeconds = Integer.parseInt(arguments[2]);
        List<byte[][]> keep = new ArrayList<>();
        Deque<byte[][]> live = new ArrayDeque<>();

        for (long round = 1;; round++) {
            keep.add(pieces(kept));
            live.add(pieces(sessions));
            if (live.size() > ROUNDS_OF_SESSION)
                live.poll();
            pieces(4096); // dies young, so that the young are collected often
            if (collectEverySeconds > 0 && round % (collectEverySeconds * ROUNDS_PER_SECOND) == 0)
                System.gc();
            Thread.sleep(1000 / ROUNDS_PER_SECOND);
        }
    }
}
