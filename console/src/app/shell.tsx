import { AppShell, Burger, Group, Loader, ScrollArea, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Suspense, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Outlet, ScrollRestoration, useLocation, useNavigation } from 'react-router';
import icon from '../icon.svg';
import { ShellMenu } from './shell-menu.js';
import { ShellNavigation } from './shell-navigation.js';

/** What surrounds every page: where one can go, and what is chosen for all of them. */
export function Shell() {
  const { t } = useTranslation();
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const { pathname } = useLocation();
  const isMoving = useNavigation().state === 'loading';
  // biome-ignore lint/correctness/useExhaustiveDependencies: on a narrow screen a chosen page closes the menu
  useEffect(close, [pathname]);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 248, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
      padding={{ base: 'md', sm: 'xl' }}
    >
      <a className="skip-link" href="#main">
        {t('shell.skip')}
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={isOpen}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={t(isOpen ? 'shell.closeMenu' : 'shell.openMenu')}
              aria-expanded={isOpen}
            />
            <img src={icon} alt="" width={28} height={28} />
            <Text fw={650} truncate>
              SmartID{' '}
              <Text span c="dimmed" fw={500} inherit visibleFrom="xs">
                Integrations
              </Text>
            </Text>
            {isMoving && <Loader size="xs" role="img" aria-label={t('common.loading')} />}
          </Group>
          <ShellMenu />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" aria-label={t('shell.navigation')}>
        <AppShell.Section grow component={ScrollArea}>
          <ShellNavigation />
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <Suspense fallback={<Loader role="img" aria-label={t('common.loading')} />}>
          <Outlet />
        </Suspense>
      </AppShell.Main>
      <ScrollRestoration />
    </AppShell>
  );
}
