// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { navigate } from '../router';

interface LinkProps {
  href: string;
  class?: string;
  title?: string;
  current?: boolean;
  children: ComponentChildren;
}

/** A link inside the dashboard: no page load, but new tabs and copied addresses work as ever. */
export function Link({ href, current, children, ...rest }: LinkProps) {
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(href);
  };
  return (
    <a href={href} onClick={follow} aria-current={current ? 'page' : undefined} {...rest}>
      {children}
    </a>
  );
}
