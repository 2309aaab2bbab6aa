// SPDX-License-Identifier: MIT
import { Component, createRef } from 'preact';
import type { Process } from '../api/types';
import { formatBytes, formatCount, formatGrowth } from '../format/bytes';
import { formatForecast } from '../format/time';
import { hasEnded, limitedOf, memoryOf, verdictWord } from '../format/words';
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
import { workerCount, workerWords } from './service';
import type { Service } from './service';

/** Cells with nothing in them keep their column, and take no room where rows are stacked. */
const cell = (name: string, value: unknown): string => (value == null ? `cell-${name} cell-none` : `cell-${name}`);

interface RowProps {
  process: Process;
  /** Whom it speaks for, if for anybody. */
  crowd?: Service | null;
  isOpen?: boolean;
  /** How many of its workers were looked for and are therefore shown; null: none was. */
  found?: number | null;
  onToggle?: (id: string) => void;
  /** Of a worker: who speaks for it. */
  leader?: Process;
}

function Since({ process }: { process: Process }) {
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

function Memory({ process }: { process: Process }) {
  const shown = memoryOf(process);
  return (
    <>
      <span class="figure">{formatBytes(shown)}</span>
      {shown !== null && process.limit_bytes ? (
        <LimitBar bytes={limitedOf(process) ?? shown} limitBytes={process.limit_bytes} source={process.limit_source} />
      ) : (
        <span class="sub">no limit</span>
      )}
    </>
  );
}

function crowdWords(crowd: Service): string {
  const ended = crowd.first.group?.ended ?? 0;
  return workerWords(workerCount(crowd)) + (ended > 0 ? `, ${formatCount(ended)} ended` : '');
}

/** Unfolds the workers; while some of them are looked for, these are there anyway. */
function Crowd({ process, crowd, isOpen, found, onToggle }: RowProps) {
  if (!crowd) return null;
  if (found != null) return <span class="crowd-found">{found} of {workerWords(workerCount(crowd))} found</span>;
  return (
    <button class="disclose-line crowd" type="button" aria-expanded={isOpen === true} aria-keyshortcuts="x" onClick={() => onToggle?.(process.id)}>
      {crowdWords(crowd)}
    </button>
  );
}

/** Workers bear the name of their service: what tells them apart is the pid. */
function nameOf({ process, leader }: RowProps): string {
  if (leader && leader.name === process.name) return `worker ${process.pid}`;
  return process.name || '(no name)';
}

/** A click anywhere opens the row, unless it selects text or follows a link of its own. */
function openRow(event: MouseEvent, id: string): void {
  const target = event.target;
  if (target instanceof Element && target.closest('a, button')) return;
  if (getSelection()?.toString()) return;
  navigate(processHref(id));
}

const keyOf = ({ process, crowd, isOpen, found }: RowProps): string =>
  `${rowKey(process)}\n${crowd ? crowdWords(crowd) : ''}\n${isOpen}\n${found}`;

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
    if (seen && keyOf(this.props) !== this.drawnKey) this.forceUpdate();
  }

  override shouldComponentUpdate(next: RowProps): boolean {
    if (next.isOpen !== this.props.isOpen || next.found !== this.props.found) return true;
    if (next.process === this.props.process && next.crowd === this.props.crowd) return false;
    // Spread by pid, so that they do not all come due in the same tick.
    if (!this.isSeen && performance.now() - this.drawnMs < UNSEEN_MS + ((next.process.pid * 131) % UNSEEN_MS)) return false;
    return keyOf(next) !== this.drawnKey;
  }

  override render(props: RowProps) {
    const { process, leader } = props;
    this.drawnKey = keyOf(props);
    this.drawnMs = performance.now();
    const ended = hasEnded(process);
    const growth = ended ? null : formatGrowth(process.growth_bytes_per_s);
    const forecast = ended ? null : formatForecast(process.time_to_limit_s);
    return (
      <tr ref={this.element} role="row" class={`row${ended ? ' row-ended' : ''}${leader ? ' row-worker' : ''}`} onClick={(event) => openRow(event, process.id)}>
        <td role="cell" class="cell-verdict">
          <StateBadge process={process} />
          <Since process={process} />
        </td>
        <th role="rowheader" scope="row" class="cell-name">
          <Link href={processHref(process.id)} class="row-link">
            {nameOf(props)}
          </Link>
          <span class="sub">
            {process.unit && !leader && <span class="unit">{process.unit}</span>}
            {leader ? <span>of {leader.name || '(no name)'}</span> : <span>pid {process.pid}</span>}
            {!leader && <span>{process.runtime}</span>}
            {process.release && <span class="release">⚑ {process.release}</span>}
          </span>
          <Crowd {...props} />
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
