// SPDX-License-Identifier: MIT
import { useMemo, useState } from 'preact/hooks';
import type { Flame } from '../api/types';
import { formatBytes, formatShare, formatSigned } from '../format/bytes';
import { setParams, useParam } from '../router';
import { Tabs } from '../ui/tabs';
import { FlameCanvas } from './canvas';
import { FlameTable } from './flame-table';
import { fold, hasInterpreter, hasPython } from './fold';
import { findKey, keyText, layOut, pathOf } from './layout';
import type { Layout } from './layout';
import { flameSummary, frameText, matcher } from './words';

const SHAPES = [
  { value: 'flames', label: 'Flames' },
  { value: 'table', label: 'Table' },
];

/** What the matching frames hold; a frame below a matching one counts once. */
function matchedBytes(layout: Layout, matches: (index: number) => boolean): number {
  let bytes = 0;
  for (let index = 1; index < layout.nodes.length; ) {
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

/** Frames as flames or as a table; what is zoomed and looked for is in the address. */
export function FlameView({ flame }: { flame: Flame }) {
  const [shape] = useParam('as', 'flames');
  const [find, setFind] = useParam('find', '');
  const [frame] = useParam('frame', '');
  const [frames] = useParam('frames', 'own');
  const [chosen, setChosen] = useState<number | null>(null);
  const [hovered, setHovered] = useState(-1);
  const foldable = useMemo(() => hasPython(flame.root) && hasInterpreter(flame.root), [flame]);
  const isFolded = foldable && frames !== 'all';
  const layout = useMemo(() => layOut({ metric: flame.metric, root: isFolded ? fold(flame.root) : flame.root }), [flame, isFolded]);
  const zoomed = useMemo(() => findKey(layout, frame), [layout, frame]);
  const matches = useMemo(() => {
    const test = matcher(find);
    return test && ((index: number): boolean => {
      const node = layout.nodes[index];
      return node !== undefined && index > 0 && test(node);
    });
  }, [layout, find]);
  const selected = chosen !== null && chosen < layout.nodes.length ? chosen : zoomed;
  const zoom = (index: number): void => {
    setChosen(index);
    setParams({ frame: index === 0 ? null : keyText(layout, index) });
  };
  const told = hovered >= 0 && hovered < layout.nodes.length ? hovered : selected;

  return (
    <>
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
      {shape === 'table' ? (
        <FlameTable layout={layout} />
      ) : (
        <>
          {zoomed > 0 && (
            <p class="flame-path">
              {pathOf(layout, zoomed).length - 1} frames deep in <code>{layout.nodes[zoomed]?.name}</code>{' '}
              <button class="button button-small" type="button" onClick={() => zoom(0)}>Show all</button>
            </p>
          )}
          <FlameCanvas layout={layout} zoomed={zoomed} selected={selected} matches={matches} onSelect={setChosen} onZoom={zoom} onHover={setHovered} />
          <p class="flame-told" role="status">{frameText(layout, told)}</p>
        </>
      )}
      <p class="chart-summary">{flameSummary(layout)}{flame.is_cut ? ' The smallest frames are left out.' : ''}</p>
    </>
  );
}
