// SPDX-License-Identifier: MIT
import { Component, createRef } from 'preact';
import type { Process } from '../api/types';
import { formatBytes, formatGrowth } from '../format/bytes';
import { formatForecast } from '../format/time';
import { hasEnded, memoryOf, verdictWord } from '../format/words';
import { navigate, processHref } from '../router';
import { Ago, For } from '../ui/ago';
import { Estimate } from '../ui/estimate';
import { LimitBar } from '../ui/limit-bar';
import { Link } from '../ui/link';
import { Place } from '../ui/place';
import { Sparkline } from '../ui/sparkline';
import { StateBadge } from '../ui/verdict';
import { rowKey } from './row-key';
import { watchSeen } from './seen';

/** Cells with nothing in them keep their column, and take no room where rows are stacked. */
const cell = (name: string, value: unknown): string => (value == null ? `cell-${name} cell-none` : `cell-${name}`);

interface RowProps {
  process: Process;
}

function Since({ process }: RowProps) {
  if (process.state !== 'watching') {
    return (
      <span class="sub">
        {verdictWord(process.verdict)}
        {process.ended_ms ? <>, <Ago ms={process.ended_ms} /></> : null}
      </span>
    );
  }
  const since = process.since_ms ?? process.verdict_since_ms;
  return since && process.verdict !== 'learning' ? <span class="sub">for <For ms={since} /></span> : null;
}

function Memory({ process }: RowProps) {
  const shown = memoryOf(process);
  return (
    <>
      <span class="figure">{formatBytes(shown)}</span>
      {shown !== null && process.limit_bytes ? (
        <LimitBar bytes={shown} limitBytes={process.limit_bytes} source={process.limit_source} />
      ) : (
        <span class="sub">no limit</span>
      )}
    </>
  );
}

/** A click anywhere opens the row, unless it selects text or follows a link of its own. */
function openRow(event: MouseEvent, id: string): void {
  const target = event.target;
  if (target instanceof Element && target.closest('a, button')) return;
  if (getSelection()?.toString()) return;
  navigate(processHref(id));
}

/** A row out of sight is drawn so rarely, for those who read without looking. */
const UNSEEN_MS = 10_000;

/** Drawn again only when something that it shows changed, and while it is in sight. */
export class Row extends Component<RowProps> {
  private readonly element = createRef<HTMLTableRowElement>();
  private unwatch: (() => void) | null = null;
  private isSeen = true;
  private drawnKey = '';
  private drawnMs = 0;

  override componentDidMount(): void {
    if (this.element.current) this.unwatch = watchSeen(this.element.current, (seen) => this.onSeen(seen));
  }

  override componentWillUnmount(): void {
    this.unwatch?.();
  }

  private onSeen(seen: boolean): void {
    this.isSeen = seen;
    if (seen && rowKey(this.props.process) !== this.drawnKey) this.forceUpdate();
  }

  override shouldComponentUpdate(next: RowProps): boolean {
    if (next.process === this.props.process) return false;
    // Spread by pid, so that they do not all come due in the same tick.
    if (!this.isSeen && performance.now() - this.drawnMs < UNSEEN_MS + ((next.process.pid * 131) % UNSEEN_MS)) return false;
    return rowKey(next.process) !== this.drawnKey;
  }

  override render({ process }: RowProps) {
    this.drawnKey = rowKey(process);
    this.drawnMs = performance.now();
    const ended = hasEnded(process);
    const growth = ended ? null : formatGrowth(process.growth_bytes_per_s);
    const forecast = ended ? null : formatForecast(process.time_to_limit_s);
    return (
      <tr ref={this.element} role="row" class={ended ? 'row row-ended' : 'row'} onClick={(event) => openRow(event, process.id)}>
        <td role="cell" class="cell-verdict">
          <StateBadge process={process} />
          <Since process={process} />
        </td>
        <th role="rowheader" scope="row" class="cell-name">
          <Link href={processHref(process.id)} class="row-link">
            {process.name || '(no name)'}
          </Link>
          <span class="sub">
            {process.unit && <span class="unit">{process.unit}</span>}
            <span>pid {process.pid}</span>
            <span>{process.runtime}</span>
            {process.release && <span class="release">⚑ {process.release}</span>}
          </span>
        </th>
        <td role="cell" class="cell-memory" data-label="Memory">
          <Memory process={process} />
        </td>
        <td role="cell" class="cell-spark">
          <Sparkline values={process.sparkline} />
        </td>
        <td role="cell" class={cell('growth', growth)} data-label="Growth">
          <Estimate value={growth} />
        </td>
        <td role="cell" class={cell('limit', forecast)} data-label="Limit in">
          <Estimate value={forecast} />
        </td>
        <td role="cell" class={cell('culprit', process.culprit)} data-label="Culprit">
          <Place where={process.culprit} />
        </td>
      </tr>
    );
  }
}
