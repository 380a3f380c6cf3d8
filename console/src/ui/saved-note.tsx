import { Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';

/** Says that something was stored, to those who look and those who listen. */
export function SavedNote({ isShown }: { isShown: boolean }) {
  const { t } = useTranslation();
  return (
    <Text size="sm" role="status">
      {isShown ? t('common.saved') : ''}
    </Text>
  );
}
