// SPDX-License-Identifier: MIT
import type { Span } from '../api/client';
import type { Mark } from '../api/types';
import { fromLocalInput, toLocalInput } from '../format/time';
import { clearRanges, setRanges } from './ranges';
import type { Ranges } from './ranges';

interface EndProps {
  letter: string;
  span: Span;
  onChange: (span: Span) => void;
}

/** The same by keyboard and by touch as by dragging. */
function SpanInputs({ letter, span, onChange }: EndProps) {
  const input = (end: 'fromMs' | 'toMs', label: string) => (
    <label>
      <span class="unseen">{`Range ${letter}, ${label}`}</span>
      <input
        type="datetime-local"
        step="1"
        value={toLocalInput(span[end])}
        onChange={(event) => {
          const ms = fromLocalInput(event.currentTarget.value);
          if (ms === null) return;
          const next = { ...span, [end]: ms };
          onChange(next.toMs >= next.fromMs ? next : { fromMs: ms, toMs: ms });
        }}
      />
    </label>
  );
  return (
    <span class="span-inputs">
      <b class={`span-letter span-${letter.toLowerCase()}`}>{letter}</b>
      {input('fromMs', 'from')}
      <span aria-hidden="true">–</span>
      {input('toMs', 'to')}
    </span>
  );
}

/** Two fifths of what is shown: the ends, where growth differs most. */
function endsOf(fromMs: number, toMs: number): [Span, Span] {
  const fifth = (toMs - fromMs) / 5;
  return [{ fromMs, toMs: fromMs + fifth }, { fromMs: toMs - fifth, toMs }];
}

/** A minute before it, and now. */
function sinceOf(mark: Mark, toMs: number): [Span, Span] {
  const at = { fromMs: mark.at_ms - 60_000, toMs: mark.at_ms };
  return [at, { fromMs: Math.max(toMs - 60_000, mark.at_ms), toMs }];
}

interface RangeBarProps {
  ranges: Ranges;
  marks: readonly Mark[];
  fromMs: number;
  toMs: number;
}

export function RangeBar({ ranges, marks, fromMs, toMs }: RangeBarProps) {
  const { a, b } = ranges;
  const deploy = marks.findLast((mark) => mark.kind !== 'snapshot' && mark.at_ms < toMs);
  const [first, last] = endsOf(fromMs, toMs);
  return (
    <div class="range-bar" role="group" aria-label="Compare two ranges">
      {a && <SpanInputs letter="A" span={a} onChange={(span) => setRanges(span, b ?? last)} />}
      {b && a && <SpanInputs letter="B" span={b} onChange={(span) => setRanges(a, span)} />}
      {a && !b && <span class="faint">Drag again for range B.</span>}
      {!a && <span class="faint">Drag across the chart for range A, again for B: what grew between them shows as flames.</span>}
      <span class="range-buttons">
        {!b && (
          <button class="button button-small" type="button" onClick={() => setRanges(a ?? first, last)}>
            {a ? 'B: the end' : 'Start against end'}
          </button>
        )}
        {deploy && (
          <button class="button button-small" type="button" onClick={() => setRanges(...sinceOf(deploy, toMs))}>
            Since {deploy.kind === 'release' || deploy.kind === 'deploy' ? 'deploy' : deploy.text || deploy.kind}
          </button>
        )}
        {a && (
          <button class="button button-small" type="button" onClick={clearRanges}>
            Clear
          </button>
        )}
      </span>
    </div>
  );
}
