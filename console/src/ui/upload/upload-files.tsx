import { Alert, Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { ErrorNote } from '../error-note.js';
import { ChosenFileCard } from './chosen-file.js';
import { DropArea } from './drop-area.js';
import { useChosenFiles } from './use-chosen-files.js';

/** Takes the files of a school: first it is told how each is understood, then all are kept. */
export function UploadFiles({ id, onKept }: { id: string; onKept?: () => void }) {
  const { t } = useTranslation();
  const { files, keeping, hasTwoOfAList, areUnderstood, choose, relook, remove, keep } = useChosenFiles(
    id,
    onKept,
  );
  const { kept } = keeping;
  return (
    <Card>
      <Stack gap="lg">
        <div>
          <Title order={2}>{t('upload.title')}</Title>
          <Text c="dimmed">{t('upload.text')}</Text>
        </div>
        <DropArea onFiles={choose} />
        {files.map((chosen) => (
          <ChosenFileCard
            key={chosen.key}
            chosen={chosen}
            onList={(list) => relook(chosen, list)}
            onRemove={() => remove(chosen)}
          />
        ))}
        {hasTwoOfAList && <Alert color="orange">{t('upload.sameList')}</Alert>}
        <ErrorNote error={keeping.error} />
        {files.length > 0 && (
          <Group>
            <Button
              loading={keeping.isPending ?? false}
              disabled={!areUnderstood || hasTwoOfAList || kept !== undefined}
              onClick={() => void keep()}
            >
              {t('upload.keep', { count: files.length })}
            </Button>
            <Text size="sm" role="status">
              {kept && t(kept.every(({ unchanged }) => unchanged) ? 'upload.unchanged' : 'upload.kept')}
            </Text>
          </Group>
        )}
      </Stack>
    </Card>
  );
}
