// SPDX-License-Identifier: MIT
import type { Process, Verdict } from '../api/types';
import { hasEnded, stateWord, verdictHelp, verdictWord } from '../format/words';
import { Mark } from './mark';

export function VerdictBadge(props: { verdict: Verdict }) {
  return (
    <span class={`badge tone-${props.verdict}`} title={verdictHelp(props.verdict)}>
      <Mark kind={props.verdict} />
      {verdictWord(props.verdict)}
    </span>
  );
}

/** The verdict while a process lives; once it has ended, its end first and the verdict after. */
export function StateBadge(props: { process: Process }) {
  const { state, verdict } = props.process;
  if (state === 'watching') return <VerdictBadge verdict={verdict} />;
  return (
    <span class={`badge ${hasEnded(props.process) ? 'tone-ended' : 'tone-suspect'}`}>
      <Mark kind={state} />
      {stateWord(state)}
    </span>
  );
}
