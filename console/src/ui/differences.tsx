import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';

/** The fields of something before and after, side by side. */
export function Differences({
  before,
  after,
}: {
  before: JsonObject | undefined;
  after: JsonObject | undefined;
}) {
  const { t, i18n } = useTranslation();
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].filter(
    (name) => shown(before?.[name], t) !== shown(after?.[name], t),
  );
  if (names.length === 0) return null;
  return (
    <dl style={{ margin: 0, display: 'grid', gap: 2 }}>
      {names.map((name) => {
        const key = `field.${name}`;
        const [from, to] = [shown(before?.[name], t), shown(after?.[name], t)];
        return (
          <div key={name} className="field">
            <Text component="dt" size="sm" c="dimmed">
              {i18n.exists(key) ? t(key as 'field.email') : name}
            </Text>
            <Text component="dd" size="sm" m={0} className="breakable">
              {from !== '' && (
                <>
                  <del>{from}</del> {to !== '' && <span aria-hidden>→ </span>}
                </>
              )}
              {to !== '' && <ins style={{ textDecoration: 'none', fontWeight: 600 }}>{to}</ins>}
            </Text>
          </div>
        );
      })}
    </dl>
  );
}

function shown(value: JsonValue | undefined, t: (key: 'common.yes' | 'common.no') => string): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'boolean') return t(value ? 'common.yes' : 'common.no');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
