import { useEffect, useRef } from 'react';

export interface Shortcuts {
  next: () => void;
  previous: () => void;
  link: () => void;
  create: () => void;
  ignore: () => void;
}

const KEYS: Readonly<Record<string, keyof Shortcuts>> = {
  j: 'next',
  k: 'previous',
  l: 'link',
  n: 'create',
  i: 'ignore',
};
/** Where a letter is a letter. */
const TYPING = 'input, textarea, select, [contenteditable], [role=dialog], [role=listbox]';

/** Single letters that decide; not while somebody types, nor with a modifier. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  latest.current = shortcuts;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (event.target instanceof Element && event.target.closest(TYPING)) return;
      const name = KEYS[event.key.toLowerCase()];
      if (name) latest.current[name]();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}
