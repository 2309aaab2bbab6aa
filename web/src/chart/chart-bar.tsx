// SPDX-License-Identifier: MIT
import { useKey } from '../keys/keys';
import { setParams, useParam } from '../router';
import { formatMoment } from '../format/time';
import { Tabs } from '../ui/tabs';
import { backToNow, RANGES, shiftWindow, zoomWindow } from './window';
import type { TimeWindow } from './window';

const VIEWS = [
  { value: 'chart', label: 'Chart' },
  { value: 'table', label: 'Table' },
];

const SCALES = [
  { value: 'near', label: 'Near' },
  { value: 'zero', label: 'From 0' },
];
const TO_LIMIT = { value: 'limit', label: 'To the limit' };

function Step(props: { label: string; sign: string; onClick: () => void }) {
  return (
    <button type="button" aria-label={props.label} title={props.label} onClick={props.onClick}>
      {props.sign}
    </button>
  );
}

/** A range chosen here follows the present again. */
function RangeButtons({ window }: { window: TimeWindow }) {
  const [range] = useParam('range', RANGES[0].value);
  return (
    <div class="segments" role="group" aria-label="Range">
      {RANGES.map(({ value, label }) => (
        <button
          key={value}
          type="button"
          aria-pressed={window.fixed === null && value === range}
          onClick={() => setParams({ range: value === RANGES[0].value ? null : value, from: null, to: null })}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

export function ChartBar({ window, hasLimit }: { window: TimeWindow; hasLimit: boolean }) {
  useKey('[', () => shiftWindow(-1));
  useKey(']', () => shiftWindow(1));
  useKey('-', () => zoomWindow(2));
  useKey('+', () => zoomWindow(0.5));
  useKey('=', () => zoomWindow(0.5));
  useKey('0', backToNow);
  return (
    <div class="chart-bar">
      <RangeButtons window={window} />
      <div class="segments" role="group" aria-label="Time">
        <Step label="Earlier" sign="‹" onClick={() => shiftWindow(-1)} />
        <Step label="Later" sign="›" onClick={() => shiftWindow(1)} />
        <Step label="A longer time" sign="−" onClick={() => zoomWindow(2)} />
        <Step label="A shorter time" sign="+" onClick={() => zoomWindow(0.5)} />
      </div>
      {window.fixed && (
        <button class="button button-small" type="button" onClick={backToNow} title={`until ${formatMoment(window.fixed.toMs)}`}>
          Back to now
        </button>
      )}
      <Tabs name="ahead" label="Scale" choices={hasLimit ? [...SCALES, TO_LIMIT] : SCALES} small />
      <Tabs name="view" label="Shown as" choices={VIEWS} small />
    </div>
  );
}
