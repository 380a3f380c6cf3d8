import { useMutation } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { Button, Card, Group, NativeSelect, Stack, Text, Title } from '@mantine/core';
import { useMutation as useUpload } from '@tanstack/react-query';
import { type DragEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { integrationsApi } from '../../api/clients.js';
import { placeOf } from '../../api/integrations.js';
import { uploadFile } from '../../api/upload-file.js';
import { ErrorNote } from '../../ui/error-note.js';
import { UploadPreview } from './upload-preview.js';

const LISTS = ['students', 'teachers', 'courses', 'groups', 'memberships'] as const;

/** Where files lie that are given here; the service puts the id in. */
export const UPLOADS = 'uploads/{id}';

/** Files of the school that are given here; of one that is read elsewhere, the way to change that. */
export function Upload({ integration }: { integration: Integration }) {
  const { importPath, s3Bucket } = integration.config ?? {};
  if (importPath === UPLOADS && !s3Bucket) return <Files id={integration.id} />;
  return <Elsewhere integration={integration} />;
}

function Elsewhere({ integration }: { integration: Integration }) {
  const { t } = useTranslation();
  const update = useMutation(integrationsApi.updateIntegration);
  const config = { importPath: UPLOADS, s3Bucket: null };
  return (
    <Card>
      <Stack align="flex-start">
        <Title order={2}>{t('upload.title')}</Title>
        <Text>{t('upload.elsewhere', { place: placeOf(integration) })}</Text>
        <ErrorNote error={update.error} />
        <Button
          variant="default"
          loading={update.isPending}
          onClick={() => update.mutate({ id: integration.id, config })}
        >
          {t('upload.switch')}
        </Button>
      </Stack>
    </Card>
  );
}

/** Takes a file: first it is told how it is understood, then it is kept. */
function Files({ id }: { id: string }) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [file, setFile] = useState<File>();
  const [list, setList] = useState('');
  const [isOver, setIsOver] = useState(false);
  const look = useUpload({ mutationFn: uploadFile });
  const keep = useUpload({ mutationFn: uploadFile });
  const preview = (chosen: File, as: string) => {
    setFile(chosen);
    keep.reset();
    look.mutate({ id, file: chosen, list: as, validateOnly: true });
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    const [dropped] = event.dataTransfer.files;
    if (dropped) preview(dropped, list);
  };
  return (
    <Card>
      <Stack>
        <Title order={2}>{t('upload.title')}</Title>
        <Text c="dimmed">{t('upload.text')}</Text>
        <NativeSelect
          label={t('upload.list')}
          data={[
            { value: '', label: t('upload.byName') },
            ...LISTS.map((value) => ({ value, label: t(`upload.lists.${value}`) })),
          ]}
          value={list}
          onChange={({ currentTarget }) => {
            setList(currentTarget.value);
            if (file) preview(file, currentTarget.value);
          }}
          maw={360}
        />
        <section
          aria-label={t('upload.drop')}
          onDragOver={(event) => {
            event.preventDefault();
            setIsOver(true);
          }}
          onDragLeave={() => setIsOver(false)}
          onDrop={drop}
          style={{
            border: `2px dashed ${isOver ? 'var(--mantine-color-anchor)' : 'var(--mantine-color-default-border)'}`,
            borderRadius: 12,
            padding: 24,
            textAlign: 'center',
          }}
        >
          <Text mb="sm">{file ? file.name : t('upload.drop')}</Text>
          <Button variant="default" loading={look.isPending} onClick={() => input.current?.click()}>
            {t('upload.choose')}
          </Button>
          <input
            ref={input}
            type="file"
            accept=".csv,.xlsx,.txt"
            hidden
            onChange={({ currentTarget }) => {
              const [chosen] = currentTarget.files ?? [];
              if (chosen) preview(chosen, list);
              currentTarget.value = '';
            }}
          />
        </section>
        <ErrorNote error={look.error ?? keep.error} />
        {look.data && <UploadPreview file={look.data} />}
        {look.data && file && (
          <Group>
            <Button
              loading={keep.isPending}
              disabled={keep.isSuccess}
              onClick={() => keep.mutate({ id, file, list, validateOnly: false })}
            >
              {t('upload.keep')}
            </Button>
            <Text size="sm" role="status">
              {keep.data && t(keep.data.unchanged ? 'upload.unchanged' : 'upload.kept')}
            </Text>
          </Group>
        )}
      </Stack>
    </Card>
  );
}
