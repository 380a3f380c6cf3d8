import { Button } from '@mantine/core';
import IconPlugConnected from '@tabler/icons-react/icons/IconPlugConnected';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { useIntegrations, useProviders, zoneOf } from '../../api/integrations.js';
import { EmptyState } from '../../ui/empty-state.js';
import { ErrorNote } from '../../ui/error-note.js';
import { IntegrationSelect } from '../../ui/integration-select.js';
import { Page } from '../../ui/page.js';
import { Sessions } from './sessions.js';

/** What was sent of each class session, what the school confirmed, what failed and why. */
function Attendance() {
  const { t } = useTranslation();
  const { id } = useParams();
  const navigate = useNavigate();
  const integrations = useIntegrations();
  const providers = useProviders().data ?? [];
  const senders = (integrations.data ?? []).filter(({ provider }) =>
    providers.some((known) => known.provider === provider && known.sendsAttendance),
  );
  const chosen = senders.find((integration) => integration.id === id) ?? senders[0];
  return (
    <Page title={t('nav.attendance')} lead={t('attendance.lead')}>
      <ErrorNote error={integrations.error} onRetry={() => void integrations.refetch()} />
      {integrations.isSuccess && senders.length === 0 && (
        <EmptyState Icon={IconPlugConnected} title={t('overview.emptyTitle')} text={t('attendance.noSchool')}>
          <Button component={Link} to="/console/connect">
            {t('connect.title')}
          </Button>
        </EmptyState>
      )}
      {chosen && (
        <>
          <IntegrationSelect
            integrations={senders}
            value={chosen.id}
            onChange={(other) => navigate(`/console/attendance/${other}`)}
          />
          <Sessions key={chosen.id} integration={chosen} zone={zoneOf(chosen)} />
        </>
      )}
    </Page>
  );
}

export const route = { Component: Attendance };
