// SPDX-License-Identifier: MIT
import { useMemo, useRef, useState } from 'preact/hooks';
import type { Flame, FlameNode } from '../api/types';
import { formatBytes, formatShare, formatSigned } from '../format/bytes';
import { setParams, useParam } from '../router';
import { Tabs } from '../ui/tabs';
import { FlameCanvas } from './canvas';
import { FlameTable } from './flame-table';
import { fold, hasInterpreter, hasPython } from './fold';
import { findKey, keyText, layOut, pathOf } from './layout';
import type { Layout } from './layout';
import { functionId, sandwich } from './sandwich';
import { SandwichTable } from './sandwich-table';
import { flameSummary, frameText, matcher } from './words';

const SHAPES = [
  { value: 'flames', label: 'Flames' },
  { value: 'table', label: 'Table' },
];

/** What the matching frames hold; a frame below a matching one counts once, callers not at all. */
function matchedBytes(layout: Layout, matches: (index: number) => boolean): number {
  let bytes = 0;
  for (let index = layout.sandwich ? 0 : 1; index < layout.callers; ) {
    if (matches(index)) {
      const node = layout.nodes[index];
      bytes += (layout.isDiff ? node?.delta : node?.value) ?? 0;
      index = layout.end[index] ?? layout.nodes.length;
    } else index++;
  }
  return bytes;
}

function Found({ layout, matches }: { layout: Layout; matches: (index: number) => boolean }) {
  const bytes = matchedBytes(layout, matches);
  const whole = layout.nodes[0]?.value ?? 0;
  const words = layout.isDiff ? formatSigned(bytes) : `${formatBytes(bytes)}${whole > 0 ? `, ${formatShare(bytes, whole)}` : ''}`;
  return <span class="faint" role="status">Found: {words}</span>;
}

interface BarProps {
  layout: Layout;
  matches: ((index: number) => boolean) | null;
  foldable: boolean;
  isFolded: boolean;
}

function FlameBar({ layout, matches, foldable, isFolded }: BarProps) {
  const [find, setFind] = useParam('find', '');
  return (
    <div class="flame-bar">
      <label class="filter">
        <span class="unseen">Find a frame</span>
        <input type="search" placeholder="Find: function, file, module" value={find} onInput={(event) => setFind(event.currentTarget.value)} />
      </label>
      {matches && <Found layout={layout} matches={matches} />}
      {foldable && (
        <label class="check">
          <input type="checkbox" checked={isFolded} onChange={(event) => setParams({ frames: event.currentTarget.checked ? null : 'all' })} />
          Hide the interpreter
        </label>
      )}
      <Tabs name="as" label="Shown as" choices={SHAPES} small />
    </div>
  );
}

/** Where in the tree the picture is, and the way back out. */
function Path({ layout, zoomed, onBack }: { layout: Layout; zoomed: number; onBack: () => void }) {
  if (!layout.sandwich && zoomed === 0) return null;
  const words = layout.sandwich ? 'Callers above and callees below' : `${pathOf(layout, zoomed).length - 1} frames deep in`;
  return (
    <p class="flame-path">
      {words} <code>{layout.nodes[zoomed]?.name}</code>{' '}
      <button class="button button-small" type="button" onClick={onBack}>Show all</button>
    </p>
  );
}

/** The tree as it is to be drawn: without the interpreter, and around one function if one is chosen. */
function useLayout(flame: Flame) {
  const [frames] = useParam('frames', 'own');
  const [around] = useParam('around', '');
  const foldable = useMemo(() => hasPython(flame.root) && hasInterpreter(flame.root), [flame]);
  const isFolded = foldable && frames !== 'all';
  const tree = useMemo(() => ({ metric: flame.metric, root: isFolded ? fold(flame.root) : flame.root }), [flame, isFolded]);
  const layout = useMemo(() => layOut(tree, around === '' ? null : sandwich(tree.root, around)), [tree, around]);
  return { layout, foldable, isFolded, isLost: around !== '' && layout.sandwich === null };
}

/** Frames as flames or as a table; what is zoomed, in the middle and looked for is in the address. */
export function FlameView({ flame }: { flame: Flame }) {
  const [shape] = useParam('as', 'flames');
  const [find] = useParam('find', '');
  const [frame] = useParam('frame', '');
  const [chosen, setChosen] = useState<number | null>(null);
  const [hovered, setHovered] = useState(-1);
  const picture = useRef<HTMLDivElement>(null);
  const { layout, foldable, isFolded, isLost } = useLayout(flame);
  const isAround = layout.sandwich !== null;
  const zoomed = useMemo(() => (isAround ? 0 : findKey(layout, frame)), [layout, frame]);
  const matches = useMemo(() => {
    const test = matcher(find);
    return test && ((index: number): boolean => {
      const node = layout.nodes[index];
      return node !== undefined && (index > 0 || isAround) && test(node);
    });
  }, [layout, find]);
  const selected = chosen !== null && chosen < layout.nodes.length ? chosen : zoomed;
  const told = hovered >= 0 && hovered < layout.nodes.length ? hovered : selected;
  const zoom = (index: number): void => {
    setChosen(index);
    setParams({ frame: index === 0 ? null : keyText(layout, index) });
  };
  const putAround = (node: FlameNode | undefined): void => {
    if (!node || node === flame.root) return;
    setChosen(null);
    setHovered(-1);
    setParams({ around: functionId(node) });
    picture.current?.querySelector<HTMLElement>('.flame')?.focus();
  };
  const putAroundAt = (index: number): void => {
    if (index > 0) putAround(layout.nodes[index]);
  };
  /** To all flames, at the frame that was zoomed before. */
  const back = (): void => {
    setChosen(null);
    if (isAround) setParams({ around: null });
    else zoom(0);
    picture.current?.querySelector<HTMLElement>('.flame')?.focus();
  };

  return (
    <>
      <FlameBar layout={layout} matches={matches} foldable={foldable} isFolded={isFolded} />
      {isLost && <p class="flame-path">The function that was in the middle is not among these frames.</p>}
      <div ref={picture}>
        <Path layout={layout} zoomed={zoomed} onBack={back} />
        {shape !== 'table' && (
          <>
            <FlameCanvas
              layout={layout}
              zoomed={zoomed}
              selected={selected}
              matches={matches}
              onSelect={setChosen}
              onOpen={isAround ? putAroundAt : zoom}
              onBack={back}
              onAround={putAroundAt}
              onHover={setHovered}
            />
            <p class="flame-told" role="status">{frameText(layout, told)}</p>
            {selected > 0 && (
              <button class="button button-small" type="button" onClick={() => putAroundAt(selected)}>
                Callers and callees of {layout.nodes[selected]?.name} <kbd aria-hidden="true">s</kbd>
              </button>
            )}
          </>
        )}
        {shape === 'table' && !layout.sandwich && <FlameTable layout={layout} onAround={putAround} />}
        {shape === 'table' && layout.sandwich && <SandwichTable sandwich={layout.sandwich} isDiff={layout.isDiff} onAround={putAround} />}
      </div>
      <p class="chart-summary">{flameSummary(layout)}{flame.is_cut ? ' The smallest frames are left out.' : ''}</p>
    </>
  );
}
