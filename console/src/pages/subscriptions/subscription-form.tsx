import type { Subscription } from '@gen/smartid/integrations/v1/event_pb.js';
import { Button, Group, MultiSelect, Stack, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorNote } from '../../ui/error-note.js';
import { EVENT_TYPES, useEventName } from '../../ui/event-name.js';

export interface SubscriptionSaid {
  url: string;
  description: string;
  types: string[];
}

interface SubscriptionFormProps {
  /** What is changed; undefined: a new one. */
  subscription?: Subscription;
  /** What the button says. */
  action: string;
  error: unknown;
  isPending: boolean;
  onSubmit: (said: SubscriptionSaid) => void;
  onCancel: () => void;
}

/** Where events are posted to, and which. */
export function SubscriptionForm(props: SubscriptionFormProps) {
  const { subscription, action, error, isPending, onSubmit, onCancel } = props;
  const { t } = useTranslation();
  const nameOf = useEventName();
  const [url, setUrl] = useState(subscription?.url ?? '');
  const [description, setDescription] = useState(subscription?.description ?? '');
  const [types, setTypes] = useState<string[]>(subscription?.types ?? []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    // An update leaves alone what is empty: all of them have a name there.
    onSubmit({ url: url.trim(), description, types: types.length === 0 && subscription ? ['*'] : types });
  };
  return (
    <Stack component="form" onSubmit={submit}>
      <TextInput
        type="url"
        label={t('subscriptions.url')}
        description={t('subscriptions.urlHelp')}
        value={url}
        onChange={({ currentTarget }) => setUrl(currentTarget.value)}
        maxLength={2_048}
        required
      />
      <TextInput
        label={t('subscriptions.description')}
        value={description}
        onChange={({ currentTarget }) => setDescription(currentTarget.value)}
        maxLength={500}
      />
      <MultiSelect
        label={t('subscriptions.types')}
        description={t('subscriptions.typesHelp')}
        data={EVENT_TYPES.map((type) => ({ value: type, label: nameOf(type) }))}
        value={types}
        onChange={setTypes}
        clearable
        clearButtonProps={{ 'aria-label': t('common.all') }}
      />
      <ErrorNote error={error} />
      <Group>
        <Button type="submit" loading={isPending}>
          {action}
        </Button>
        <Button variant="default" onClick={onCancel}>
          {t('common.cancel')}
        </Button>
      </Group>
    </Stack>
  );
}
