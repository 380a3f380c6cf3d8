import type { UploadedFile, UploadedList } from '@gen/smartid/integrations/v1/file_pb.js';
import { Alert, List, Stack, Table, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';

/** So many of what is not right are told. */
const TOLD = 10;

/** How a file would be understood: what each column is taken for, the first rows, and what is not right. */
export function UploadPreview({ file }: { file: UploadedFile }) {
  return (
    <Stack gap="lg">
      {file.lists.map((list) => (
        <ListPreview key={list.list} list={list} />
      ))}
    </Stack>
  );
}

function ListPreview({ list }: { list: UploadedList }) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language);
  const nameOf = (field: string | undefined) => {
    if (!field) return t('upload.notUsed');
    const key = `field.${field}`;
    return i18n.exists(key) ? t(key as 'field.email') : field;
  };
  const title = t(`upload.lists.${list.list as 'students'}`);
  return (
    <Stack gap="sm">
      <div>
        <Title order={3} fz="md">
          {list.sheet ? `${title} · ${list.sheet}` : title}
        </Title>
        <Text size="sm" className="numbers">
          {t('upload.rows', { count: list.rowCount, shown: number.format(list.rowCount) })}
          {list.errorCount > 0 && ` · ${t('upload.errors', { count: list.errorCount })}`}
          {list.warningCount > 0 && ` · ${t('upload.warnings', { count: list.warningCount })}`}
        </Text>
      </div>
      <Table.ScrollContainer minWidth={480} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              {list.columns.map(({ header, field, isMetadata }) => (
                <Table.Th key={header}>
                  {isMetadata ? t('field.metadata') : nameOf(field)}
                  <Text size="xs" c="dimmed">
                    {header}
                  </Text>
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {list.rows.map(({ line, cells }) => (
              <Table.Tr key={line}>
                {list.columns.map(({ header }, index) => (
                  <Table.Td key={header}>{cells[index]}</Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {list.issues.length > 0 && (
        <Alert color={list.errorCount > 0 ? 'red' : 'orange'}>
          <List size="sm">
            {list.issues.slice(0, TOLD).map(({ line, message, hint }) => (
              <List.Item key={`${line} ${message}`}>
                {message} {hint}
              </List.Item>
            ))}
          </List>
        </Alert>
      )}
    </Stack>
  );
}
