import { ActionIcon, Group, Loader, NativeSelect, Stack, Title } from '@mantine/core';
import IconX from '@tabler/icons-react/icons/IconX';
import { useTranslation } from 'react-i18next';
import { ErrorNote } from '../error-note.js';
import { UploadPreview } from './upload-preview.js';
import type { ChosenFile } from './use-chosen-files.js';

const LISTS = ['students', 'teachers', 'courses', 'groups', 'memberships'] as const;

interface Props {
  chosen: ChosenFile;
  onList: (list: string) => void;
  onRemove: () => void;
}

/** A file before it is kept: how it is understood, or why it cannot be. */
export function ChosenFileCard({ chosen, onList, onRemove }: Props) {
  const { t } = useTranslation();
  const { file, list, understood, error } = chosen;
  return (
    <Stack component="section" gap="sm" aria-label={file.name}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Title order={3} fz="lg" className="breakable">
          {file.name}
        </Title>
        <ActionIcon variant="default" onClick={onRemove} aria-label={t('upload.remove', { name: file.name })}>
          <IconX size={16} aria-hidden />
        </ActionIcon>
      </Group>
      <NativeSelect
        label={t('upload.list')}
        data={[
          { value: '', label: t('upload.byName') },
          ...LISTS.map((value) => ({ value, label: t(`upload.lists.${value}`) })),
        ]}
        value={list}
        onChange={({ currentTarget }) => onList(currentTarget.value)}
        maw={360}
      />
      {!understood && !error && <Loader role="img" size="sm" aria-label={t('common.loading')} />}
      <ErrorNote error={error} />
      {understood && <UploadPreview file={understood} />}
    </Stack>
  );
}
