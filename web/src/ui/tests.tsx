// SPDX-License-Identifier: MIT
import type { Test } from '../api/types';
import { capital } from '../format/words';

/** What a verdict rests on: each test with what was measured and what it takes. */
export function Tests(props: { tests: readonly Test[] }) {
  const failed = props.tests.filter((test) => !test.passed).length;
  return (
    <>
      <p class="faint">
        {failed === 0 ? `All ${props.tests.length} tests pass.` : `${props.tests.length - failed} of ${props.tests.length} tests pass.`}
      </p>
      <ul class="tests">
        {props.tests.map((test) => (
          <li key={test.name} class={test.passed ? 'test-passed' : 'test-failed'}>
            <svg class="mark" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
              <path d={test.passed ? 'M3 8.5 L6.5 12 L13 4.5' : 'M4 8 H12'} />
            </svg>
            <b>{test.passed ? 'Passed' : 'Not yet'}</b>
            <span>{capital(test.text || test.name.replace(/_/g, ' '))}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
