import { ActionIcon, Button, Group, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import IconLogout from '@tabler/icons-react/icons/IconLogout';
import IconMoon from '@tabler/icons-react/icons/IconMoon';
import IconSun from '@tabler/icons-react/icons/IconSun';
import { useTranslation } from 'react-i18next';
import { queryClient } from '../api/query-client.js';
import { session, useSignedIn } from '../api/session.js';
import { chooseLanguage, LANGUAGES } from '../i18n/index.js';

const NAMES = { es: 'Español', en: 'English' } as const;

/** Language, theme, signing out. Menus and tooltips of the library would be a seventh of the first load. */
export function ShellMenu() {
  const { t } = useTranslation();
  const isSignedIn = useSignedIn();
  return (
    <Group gap={4} wrap="nowrap">
      <LanguageSwitch />
      <ThemeSwitch />
      {isSignedIn && (
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={t('shell.signOut')}
          title={t('shell.signOut')}
          onClick={signOut}
        >
          <IconLogout size={20} aria-hidden />
        </ActionIcon>
      )}
    </Group>
  );
}

/** The other language, by its own name. */
function LanguageSwitch() {
  const { i18n } = useTranslation();
  const other = LANGUAGES.find((language) => language !== i18n.language) ?? 'en';
  return (
    <Button
      variant="subtle"
      color="gray"
      size="compact-md"
      c="var(--mantine-color-text)"
      lang={other}
      onClick={() => void chooseLanguage(other)}
    >
      {NAMES[other]}
    </Button>
  );
}

function ThemeSwitch() {
  const { t } = useTranslation();
  const { setColorScheme } = useMantineColorScheme();
  const isDark = useComputedColorScheme('light') === 'dark';
  const label = t(isDark ? 'shell.light' : 'shell.dark');
  const Icon = isDark ? IconSun : IconMoon;
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      aria-label={label}
      title={label}
      onClick={() => setColorScheme(isDark ? 'light' : 'dark')}
    >
      <Icon size={20} aria-hidden />
    </ActionIcon>
  );
}

function signOut(): void {
  session.close();
  queryClient.clear();
}
