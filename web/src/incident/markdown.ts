// SPDX-License-Identifier: MIT
// An incident as Markdown for a ticket: the same as the page, without its figures that change. Pure.

import type { Incident, Site } from '../api/types';
import { formatBytes, formatCount, formatGrowth } from '../format/bytes';
import { capital, culpritIndex, placeOf, sentence } from '../format/words';

/** Nothing that a name carries may become markup of the ticket. */
const plain = (text: string): string => text.replace(/[\x00-\x1f\x7f]/g, ' ').replace(/[\\`*_{}[\]()#+!|<>~]/g, '\\$&');
const code = (text: string): string => `\`${text.replace(/[\x00-\x1f\x7f`]/g, ' ')}\``;

function growthText(growth: Incident['growth_bytes_per_s']): string {
  const said = formatGrowth(growth);
  return said ? `${said.estimate}${said.range ? ` (95 %: ${said.range})` : ''}` : 'not known';
}

function siteLines(site: Site): string[] {
  const guilty = culpritIndex(site);
  const frames = site.frames.map((frame, at) => {
    const where = placeOf(frame) ?? frame.module ?? '';
    return `${at === guilty ? '>' : ' '} ${frame.function ?? '(no symbol)'}  ${where}`.replace(/[\x00-\x1f\x7f`]/g, ' ');
  });
  return [
    `- ${growthText(site.growth_bytes_per_s)}, ${formatBytes(site.live_bytes)} live in ${formatCount(site.live_count)} blocks`,
    '  ```',
    ...frames.map((line) => `  ${line}`),
    '  ```',
  ];
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `## ${title}`, '', ...lines];
}

export function toMarkdown(incident: Incident, href: string): string {
  const { process } = incident;
  return [
    `# ${plain(process.name)}: ${plain(sentence(incident.summary))}`,
    '',
    `- Incident ${incident.id}, ${incident.severity}, ${incident.state}: ${href}`,
    `- Opened ${new Date(incident.opened_ms).toISOString()}`,
    ...(incident.resolved_ms ? [`- Resolved ${new Date(incident.resolved_ms).toISOString()}`] : []),
    ...(incident.end ? [`- ${plain(capital(incident.end))}`] : []),
    `- Growth ${growthText(incident.growth_bytes_per_s)}`,
    ...(process.unit ? [`- Unit ${code(process.unit)}`] : []),
    `- Fingerprint ${code(incident.fingerprint)}`,
    ...list('Where', (incident.sites ?? []).slice(0, 3).flatMap(siteLines)),
    ...list('What', (incident.types ?? []).slice(0, 5).map((type) => `- ${code(type.name)}: ${formatBytes(type.live_bytes)} in ${formatCount(type.live_count)}, ${growthText(type.growth_bytes_per_s)}`)),
    ...list('Kept alive by', (incident.retainers ?? []).slice(0, 5).map((one) => `- ${code(one.type)}: ${one.path.map(code).join(' → ')}`)),
    ...list('Tests', (incident.tests ?? []).map((test) => `- ${test.passed ? 'passed' : 'not passed'}: ${plain(test.text ?? test.name)}`)),
    '',
  ].join('\n');
}
