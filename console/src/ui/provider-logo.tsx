import { ThemeIcon } from '@mantine/core';
import IconFileSpreadsheet from '@tabler/icons-react/icons/IconFileSpreadsheet';
import IconPlugConnected from '@tabler/icons-react/icons/IconPlugConnected';
import IconSchool from '@tabler/icons-react/icons/IconSchool';
import IconUsersGroup from '@tabler/icons-react/icons/IconUsersGroup';
import IconWorld from '@tabler/icons-react/icons/IconWorld';

const LOOKS = {
  GENERIC_CSV: { Icon: IconFileSpreadsheet, color: 'teal' },
  MOODLE: { Icon: IconSchool, color: 'orange' },
  IDUKAY: { Icon: IconUsersGroup, color: 'grape' },
  ONEROSTER: { Icon: IconWorld, color: 'cyan' },
} as const;

/** The mark of a school system. */
export function ProviderLogo({ provider, size = 40 }: { provider: string; size?: number }) {
  const { Icon, color } = LOOKS[provider as keyof typeof LOOKS] ?? {
    Icon: IconPlugConnected,
    color: 'brand',
  };
  return (
    <ThemeIcon variant="light" color={color} size={size} radius="md" aria-hidden>
      <Icon size={size * 0.6} />
    </ThemeIcon>
  );
}
