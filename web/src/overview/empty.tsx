// SPDX-License-Identifier: MIT
import { Copyable } from '../ui/copyable';

export function EmptyOverview() {
  return (
    <section class="empty">
      <h1 class="headline">Nothing is watched yet.</h1>
      <ol class="steps">
        <li>
          <p>Run a program under the agent. It needs no change and no rebuild.</p>
          <Copyable text="leakctl run -- CMD" label="the command" />
        </li>
        <li>
          <p>It appears here within a second of its first allocations, at first as “Learning”.</p>
        </li>
        <li>
          <p>For a service that should be watched for good, as root:</p>
          <Copyable text="leakctl enable UNIT" label="the command for a service" />
        </li>
      </ol>
    </section>
  );
}
