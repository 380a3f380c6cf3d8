import { Loader, Text } from '@mantine/core';
import { measureElement, useWindowVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { PassesBy } from './passes-by.js';
import { UsualHeight } from './usual-height.js';

interface VirtualListProps<T> {
  items: readonly T[];
  keyOf: (item: T) => string | number;
  render: (item: T, index: number) => ReactNode;
  /** How high a row is about, in pixels. */
  estimate: number;
  label: string;
  hasMore: boolean;
  isLoading: boolean;
  /** Asks for the page after the last one. */
  loadMore: () => void;
  /** What is said when there is nothing. */
  empty?: string;
}

/** A list of which only the rows in view are drawn, with pages that are asked for as one comes to them. */
export function VirtualList<T>(props: VirtualListProps<T>) {
  const { items, keyOf, render, estimate, label, hasMore, isLoading, loadMore } = props;
  const { t } = useTranslation();
  const list = useRef<HTMLUListElement>(null);
  const [top, setTop] = useState(0);
  // What stands above may have come later, or grown.
  useLayoutEffect(() => {
    const now = Math.round((list.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
    if (now !== top) setTop(now);
  });
  const keys = useRef(keyOf);
  keys.current = keyOf;
  // Another function would have all rows measured anew at each frame.
  const getItemKey = useCallback((index: number) => keys.current(items[index] as T), [items]);
  const [usual] = useState(() => new UsualHeight(estimate));
  const rows = useWindowVirtualizer<HTMLLIElement>({
    count: items.length,
    estimateSize: (row) => usual.of(row),
    measureElement: (...measured) => {
      const height = measureElement(...measured);
      usual.see(height);
      return height;
    },
    overscan: 8,
    scrollMargin: top,
    getItemKey,
  });
  const drawn = rows.getVirtualItems();
  const last = drawn.at(-1)?.index ?? -1;
  useEffect(() => {
    if (hasMore && !isLoading && last >= items.length - AHEAD) loadMore();
  }, [hasMore, isLoading, last, items.length, loadMore]);
  return (
    <PassesBy value={rows.isScrolling}>
      <ul
        ref={list}
        aria-label={label}
        style={{
          height: rows.getTotalSize(),
          position: 'relative',
          margin: 0,
          padding: 0,
          listStyle: 'none',
        }}
      >
        {drawn.map(({ index, key, start }) => (
          <li
            key={key}
            ref={rows.measureElement}
            data-index={index}
            aria-setsize={hasMore ? -1 : items.length}
            aria-posinset={index + 1}
            style={{
              position: 'absolute',
              insetInline: 0,
              top: 0,
              transform: `translateY(${start - top}px)`,
            }}
          >
            {render(items[index] as T, index)}
          </li>
        ))}
      </ul>
      {isLoading && <Loader size="sm" m="md" role="img" aria-label={t('common.loading')} />}
      {!isLoading && items.length === 0 && (
        <Text c="dimmed" p="lg">
          {props.empty ?? t('common.nothingFits')}
        </Text>
      )}
    </PassesBy>
  );
}

/** So many rows before the end, the next page is asked for. */
const AHEAD = 60;
