import { Badge, Button, NavLink, Stack } from '@mantine/core';
import IconActivity from '@tabler/icons-react/icons/IconActivity';
import IconBroadcast from '@tabler/icons-react/icons/IconBroadcast';
import IconCalendarCheck from '@tabler/icons-react/icons/IconCalendarCheck';
import IconHandStop from '@tabler/icons-react/icons/IconHandStop';
import IconHistory from '@tabler/icons-react/icons/IconHistory';
import IconPlugConnected from '@tabler/icons-react/icons/IconPlugConnected';
import IconPlus from '@tabler/icons-react/icons/IconPlus';
import IconUserQuestion from '@tabler/icons-react/icons/IconUserQuestion';
import IconUsers from '@tabler/icons-react/icons/IconUsers';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'react-router';
import { useHeldRuns } from '../api/held-runs.js';

const PLACES = [
  { to: '/console', name: 'overview', Icon: IconActivity },
  { to: '/console/held', name: 'held', Icon: IconHandStop },
  { to: '/console/conflicts', name: 'conflicts', Icon: IconUserQuestion },
  { to: '/console/attendance', name: 'attendance', Icon: IconCalendarCheck },
  { to: '/console/people', name: 'people', Icon: IconUsers },
  { to: '/console/subscriptions', name: 'subscriptions', Icon: IconBroadcast },
  { to: '/console/connectors', name: 'connectors', Icon: IconPlugConnected },
  { to: '/console/audit', name: 'audit', Icon: IconHistory },
] as const;

export function ShellNavigation() {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const held = useHeldRuns().data?.length ?? 0;
  return (
    <Stack gap="md">
      <Button component={Link} to="/console/connect" leftSection={<IconPlus size={18} aria-hidden />}>
        {t('connect.title')}
      </Button>
      <div>
        {PLACES.map(({ to, name, Icon }) => {
          const isHere = to === '/console' ? isOverview(pathname) : pathname.startsWith(to);
          return (
            <NavLink
              key={to}
              component={Link}
              to={to}
              label={t(`nav.${name}`)}
              leftSection={<Icon size={18} aria-hidden />}
              rightSection={
                name === 'held' && held > 0 ? (
                  <Badge
                    circle
                    color="orange"
                    variant="filled"
                    autoContrast
                    aria-label={t('nav.waiting', { count: held })}
                  >
                    {held}
                  </Badge>
                ) : undefined
              }
              active={isHere}
              aria-current={isHere ? 'page' : undefined}
              style={{ borderRadius: 8 }}
            />
          );
        })}
      </div>
    </Stack>
  );
}

/** What is about one integration stands below the overview. */
function isOverview(pathname: string): boolean {
  return /^\/console\/?(integrations\/|$)/.test(pathname);
}
