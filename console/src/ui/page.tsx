import { Anchor, Breadcrumbs, Group, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect, useRef } from 'react';
import { Link } from 'react-router';

interface PageProps {
  title: string;
  /** A sentence about what the page is for. */
  lead?: ReactNode;
  /** The way here from the overview. */
  trail?: readonly { label: string; to: string }[];
  badge?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** A page with its heading, which is read out when one comes to it. */
export function Page({ title, lead, trail = [], badge, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · SmartID Integrations`;
  }, [title]);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <Stack gap="lg" maw={1280} mx="auto">
      <Stack gap={6}>
        {trail.length > 0 && (
          <Breadcrumbs component="nav" style={{ flexWrap: 'wrap' }}>
            {trail.map(({ label, to }) => (
              <Anchor key={to} component={Link} to={to} size="sm">
                {label}
              </Anchor>
            ))}
          </Breadcrumbs>
        )}
        <Group justify="space-between" align="flex-start" gap="sm">
          <Stack gap={6} style={{ flex: '1 1 320px' }}>
            <Group gap="sm">
              <Title order={1} ref={heading} tabIndex={-1} className="breakable">
                {title}
              </Title>
              {badge}
            </Group>
            {lead && (
              <Text c="dimmed" maw={760}>
                {lead}
              </Text>
            )}
          </Stack>
          {actions && <Group gap="sm">{actions}</Group>}
        </Group>
      </Stack>
      {children}
    </Stack>
  );
}
