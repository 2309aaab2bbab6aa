// SPDX-License-Identifier: MIT
// What a row shows, as one text: while it stays the same there is nothing to draw. Pure.

import type { Process } from '../api/types';
import { formatBytes, formatGrowth } from '../format/bytes';
import { formatForecast } from '../format/time';
import { limitedOf, memoryOf } from '../format/words';

export function rowKey(process: Process): string {
  const { culprit, sparkline } = process;
  const memory = memoryOf(process);
  const growth = formatGrowth(process.growth_bytes_per_s);
  const forecast = formatForecast(process.time_to_limit_s);
  return [
    process.state, process.verdict, process.since_ms, process.verdict_since_ms, process.ended_ms,
    process.name, process.unit, process.pid, process.runtime, process.release,
    formatBytes(memory), process.limit_bytes, process.limit_bytes && memory !== null ? Math.round((100 * (limitedOf(process) ?? memory)) / process.limit_bytes) : '',
    growth?.estimate, growth?.range, growth?.sure, forecast?.estimate, forecast?.range,
    culprit?.file, culprit?.line, culprit?.function,
    sparkline?.join(),
  ].join('\n');
}
