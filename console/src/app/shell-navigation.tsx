import { Badge, Button, NavLink, Stack } from '@mantine/core';
import IconActivity from '@tabler/icons-react/icons/IconActivity';
import IconPlus from '@tabler/icons-react/icons/IconPlus';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'react-router';
import { useHeldRuns } from '../api/held-runs.js';

const PLACES = [{ to: '/console', name: 'overview', Icon: IconActivity }] as const;

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
                (name as string) === 'held' && held > 0 ? (
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
