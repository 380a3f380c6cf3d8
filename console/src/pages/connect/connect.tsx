import { Card, Loader, Stepper, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { useIntegration, useProviders } from '../../api/integrations.js';
import { ErrorNote } from '../../ui/error-note.js';
import { Page } from '../../ui/page.js';
import { ChooseProvider } from './choose-provider.js';
import { FirstRun } from './first-run.js';
import { Settings } from './settings.js';
import { TestStep } from './test-step.js';

const STEPS = ['system', 'settings', 'test', 'preview', 'sync'] as const;
type Step = (typeof STEPS)[number];

/** From a school's system to its people, step by step. The address has the step: a reload loses nothing but secrets. */
function Connect() {
  const { t } = useTranslation();
  const [query, setQuery] = useSearchParams();
  const providers = useProviders();
  const id = query.get('integration') ?? '';
  const chosen = query.get('provider') ?? '';
  const asked = query.get('step') as Step;
  const step = STEPS.includes(asked) ? asked : 'system';
  const go = (next: Step, more: Record<string, string> = {}) =>
    setQuery({ ...Object.fromEntries(query), ...more, step: next });
  const provider = providers.data?.find((known) => known.provider === chosen);
  return (
    <Page
      title={t('connect.title')}
      lead={t('connect.lead')}
      trail={[{ label: t('nav.overview'), to: '/console' }]}
    >
      <Stepper
        active={STEPS.indexOf(step)}
        onStepClick={(index) => go(STEPS[index] as Step)}
        allowNextStepsSelect={false}
        size="sm"
        visibleFrom="sm"
        aria-label={t('connect.steps')}
      >
        {STEPS.map((name) => (
          <Stepper.Step
            key={name}
            label={t(`connect.step.${name}`)}
            aria-current={name === step ? 'step' : undefined}
          />
        ))}
      </Stepper>
      <Text size="sm" fw={600} hiddenFrom="sm">
        {t('connect.stepOf', {
          step: STEPS.indexOf(step) + 1,
          steps: STEPS.length,
          name: t(`connect.step.${step}`),
        })}
      </Text>
      <ErrorNote error={providers.error} onRetry={() => void providers.refetch()} />
      {providers.isPending && <Loader role="img" aria-label={t('common.loading')} />}
      {step === 'system' && (
        <ChooseProvider
          providers={providers.data ?? []}
          onChoose={(name) => setQuery({ step: 'settings', provider: name })}
        />
      )}
      {step === 'settings' && provider && (
        <Settings provider={provider} id={id} onDone={(integration) => go('test', { integration })} />
      )}
      {step === 'test' && id && (
        <TestStep id={id} onBack={() => go('settings')} onDone={() => go('preview')} />
      )}
      {step === 'preview' && id && <Run key="preview" id={id} isPreview onDone={() => go('sync')} />}
      {step === 'sync' && id && <Run key="sync" id={id} />}
    </Page>
  );
}

function Run(props: { id: string; isPreview?: boolean; onDone?: () => void }) {
  const { data, error } = useIntegration(props.id);
  return (
    <Card>
      <ErrorNote error={error} />
      {data && <FirstRun integration={data} {...props} />}
    </Card>
  );
}

export const route = { Component: Connect };
