import { useInfiniteQuery, useQuery } from '@connectrpc/connect-query';
import type { Integration } from '@gen/smartid/integrations/v1/integration_pb.js';
import { MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { Anchor, Card, Group, Loader, Stack, Text, Timeline, Title } from '@mantine/core';
import { skipToken } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { auditApi } from '../../api/audit-api.js';
import { integrationsApi } from '../../api/clients.js';
import { placeOf, useIntegrations, useProviderTitle, zoneOf } from '../../api/integrations.js';
import { rosterApi } from '../../api/roster-api.js';
import { pathOf } from '../../api/runs.js';
import { Differences } from '../../ui/differences.js';
import type { PersonKind } from '../../ui/entity-name.js';
import { ErrorNote } from '../../ui/error-note.js';
import { Page } from '../../ui/page.js';
import { ProviderLogo } from '../../ui/provider-logo.js';
import { StateBadge } from '../../ui/status-badge.js';
import { When } from '../../ui/when.js';

interface PersonProps {
  institutionId: string;
  kind: PersonKind;
  id: string;
}

/** One person: the id in every system, and who changed what. */
export function Person({ institutionId, kind, id }: PersonProps) {
  const { t } = useTranslation();
  const of = { institutionId, id };
  const student = useQuery(rosterApi.getStudent, kind === 'STUDENT' ? of : skipToken);
  const teacher = useQuery(rosterApi.getTeacher, kind === 'TEACHER' ? of : skipToken);
  const person = student.data?.student ?? teacher.data?.teacher;
  const integrations = (useIntegrations().data ?? []).filter(
    (known) => known.institutionId === institutionId,
  );
  const {
    givenName = '',
    familyName = '',
    nationalId = '',
    email = '',
    code = '',
    active = true,
  } = person ?? {};
  const dates = {
    birthDate: student.data?.student?.birthDate ?? '',
    enrolledOn: student.data?.student?.enrolledOn ?? '',
  };
  return (
    <Page
      title={person ? `${givenName} ${familyName}` : '…'}
      badge={
        person && (
          <StateBadge
            color={active ? 'green' : 'gray'}
            label={t(active ? 'people.active' : 'people.inactive')}
          />
        )
      }
      trail={[{ label: t('nav.people'), to: `/console/people?institution=${institutionId}` }]}
    >
      <ErrorNote error={student.error ?? teacher.error} />
      <Card>
        <Stack>
          <Title order={2}>{t('people.data')}</Title>
          <Differences before={{}} after={{ nationalId, email, code, ...dates }} />
          {person && person.editedFields.length > 0 && (
            <Text size="sm">{t('people.edited', { fields: person.editedFields.join(', ') })}</Text>
          )}
        </Stack>
      </Card>
      <Card>
        <Stack>
          <Title order={2}>{t('people.ids')}</Title>
          <Group gap="sm" wrap="nowrap">
            <ProviderLogo provider="SMARTID" />
            <div>
              <Text fw={600}>SmartID</Text>
              <Text size="sm" ff="monospace" className="breakable">
                {id}
              </Text>
            </div>
          </Group>
          {integrations.map((integration) => (
            <IdOf key={integration.id} integration={integration} kind={kind} id={id} />
          ))}
        </Stack>
      </Card>
      <History institutionId={institutionId} id={id} zone={zoneOf(integrations[0])} />
    </Page>
  );
}

function IdOf({ integration, kind, id }: { integration: Integration; kind: PersonKind; id: string }) {
  const { t } = useTranslation();
  const titleOf = useProviderTitle();
  const asked = { id: integration.id, entityType: MappingEntityType[kind], internalId: id };
  const { data } = useQuery(integrationsApi.getMapping, asked, { retry: false });
  return (
    <Group gap="sm" wrap="nowrap">
      <ProviderLogo provider={integration.provider} />
      <div>
        <Text>
          <Anchor component={Link} to={`/console/integrations/${integration.id}?tab=mappings`} fw={600}>
            {placeOf(integration)}
          </Anchor>{' '}
          <Text span c="dimmed" size="sm">
            {titleOf(integration.provider)}
          </Text>
        </Text>
        <Text size="sm" ff="monospace" className="breakable">
          {data?.mapping?.externalId ?? t('people.notThere')}
        </Text>
      </div>
    </Group>
  );
}

function History({ institutionId, id, zone }: { institutionId: string; id: string; zone: string }) {
  const { t } = useTranslation();
  const { data, error, isPending } = useInfiniteQuery(
    auditApi.listEntityChanges,
    { institutionId, entityId: id, pageSize: 100, pageToken: '' },
    { pageParamKey: 'pageToken', getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined },
  );
  const changes = data?.pages.flatMap((page) => page.changes) ?? [];
  return (
    <Card>
      <Stack>
        <Title order={2}>{t('people.history')}</Title>
        <ErrorNote error={error} />
        {isPending && <Loader role="img" aria-label={t('common.loading')} />}
        <Timeline bulletSize={14} lineWidth={2}>
          {changes.map((change, index) => (
            <Timeline.Item
              // biome-ignore lint/suspicious/noArrayIndexKey: changes have no id; they stay in their order
              key={index}
              title={t(`changes.action.${change.action as 'CREATE'}`)}
            >
              <Text size="sm" c="dimmed">
                {change.runId && change.integrationId ? (
                  <Anchor
                    component={Link}
                    to={pathOf({ integrationId: change.integrationId, id: change.runId })}
                    size="sm"
                  >
                    <When at={change.at} zone={zone} />
                  </Anchor>
                ) : (
                  <When at={change.at} zone={zone} />
                )}
                {change.actor && ` · ${t('audit.by', { actor: change.actor })}`}
              </Text>
              <Differences before={change.before} after={change.after} />
            </Timeline.Item>
          ))}
        </Timeline>
      </Stack>
    </Card>
  );
}
