import { type Timestamp, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { useMutation } from '@connectrpc/connect-query';
import { MappingEntityType } from '@gen/smartid/integrations/v1/mapping_pb.js';
import { type Schedule, ScheduleKind } from '@gen/smartid/integrations/v1/schedule_service_pb.js';
import {
  Button,
  Card,
  Group,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { schedulesApi } from '../../api/schedules-api.js';
import { ErrorNote } from '../../ui/error-note.js';
import { BlackoutRows, type Days } from './blackout-rows.js';
import { cronOf, type Rhythm, simpleOf, useCronInWords } from './cron-words.js';
import { NextTimesOf } from './next-times.js';

const RHYTHMS = ['daily', 'weekdays', 'weekly', 'hourly', 'custom'] as const;
const TYPES = ['ALL', 'COURSE', 'TEACHER', 'GROUP', 'STUDENT'] as const;
const NIGHTLY = '30 2 * * *';

interface ScheduleFormProps {
  id: string;
  zone: string;
  /** What is changed; undefined: a new one. */
  schedule: Schedule | undefined;
  onClose: () => void;
}

/** When something starts: a rhythm and a time, or a pattern for those who know them. */
export function ScheduleForm({ id, zone, schedule, onClose }: ScheduleFormProps) {
  const { t } = useTranslation();
  const [type, setType] = useState<(typeof TYPES)[number]>(
    MappingEntityType[schedule?.entityType ?? MappingEntityType.ALL] as 'ALL',
  );
  const [kind, setKind] = useState(schedule?.kind || ScheduleKind.SYNC);
  const [custom, setCustom] = useState(schedule?.cron ?? NIGHTLY);
  const [simple, setSimple] = useState(simpleOf(schedule?.cron ?? NIGHTLY));
  const [timeZone, setTimeZone] = useState(schedule?.timeZone ?? zone);
  const [jitter, setJitter] = useState(Math.round((schedule?.jitterSeconds ?? 600) / 60));
  const [blackouts, setBlackouts] = useState<readonly Days[]>(schedule?.blackouts ?? []);
  const [pausedUntil, setPausedUntil] = useState<Timestamp | undefined>(schedule?.pausedUntil);
  const set = useMutation(schedulesApi.setSchedule, { onSuccess: onClose });
  const inWords = useCronInWords();
  const cron = cronOf(simple, custom);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    set.mutate({
      id,
      entityType: MappingEntityType[type],
      kind,
      cron,
      timeZone,
      jitterSeconds: jitter * 60,
      blackouts: blackouts.map(({ name, from, to }) => ({ name, from, to })),
      ...(pausedUntil && { pausedUntil }),
    });
  };
  return (
    <Card component="form" onSubmit={submit}>
      <Stack>
        <Title order={2}>{t(schedule ? 'schedule.edit' : 'schedule.add')}</Title>
        <SimpleGrid cols={{ base: 1, sm: 2, md: 3 }}>
          <Select
            label={t('schedule.what')}
            data={TYPES.map((value) => ({ value, label: t(`entity.${value}`) }))}
            value={type}
            onChange={(value) => value && setType(value as 'ALL')}
            allowDeselect={false}
            disabled={schedule !== undefined}
          />
          <Select
            label={t('schedule.kind')}
            data={[
              { value: String(ScheduleKind.SYNC), label: t('run.kind.SYNC') },
              { value: String(ScheduleKind.PREVIEW), label: t('run.kind.PREVIEW') },
            ]}
            value={String(kind)}
            onChange={(value) => value && setKind(Number(value))}
            allowDeselect={false}
            disabled={schedule !== undefined}
          />
          <Select
            label={t('schedule.rhythm')}
            data={RHYTHMS.map((value) => ({ value, label: t(`schedule.rhythms.${value}`) }))}
            value={simple.rhythm}
            onChange={(value) => value && setSimple({ ...simple, rhythm: value as Rhythm })}
            allowDeselect={false}
          />
          {simple.rhythm === 'custom' ? (
            <TextInput
              label={t('schedule.cron')}
              description={t('schedule.cronHelp')}
              value={custom}
              onChange={({ currentTarget }) => setCustom(currentTarget.value)}
              required
            />
          ) : (
            <TextInput
              type="time"
              label={t('schedule.time')}
              value={simple.time}
              onChange={({ currentTarget }) => setSimple({ ...simple, time: currentTarget.value || '00:00' })}
              required
            />
          )}
          <Select
            label={t('setting.timeZone')}
            data={Intl.supportedValuesOf('timeZone')}
            value={timeZone}
            onChange={(value) => value && setTimeZone(value)}
            searchable
            limit={50}
            allowDeselect={false}
          />
          <NumberInput
            label={t('schedule.jitter')}
            description={t('schedule.jitterHelp')}
            min={0}
            max={600}
            value={jitter}
            onChange={(value) => setJitter(Number(value) || 0)}
          />
        </SimpleGrid>
        <BlackoutRows value={blackouts} onChange={setBlackouts} />
        <TextInput
          type="date"
          label={t('schedule.paused')}
          value={pausedUntil ? timestampDate(pausedUntil).toISOString().slice(0, 10) : ''}
          onChange={({ currentTarget }) =>
            setPausedUntil(currentTarget.value ? timestampFromDate(new Date(currentTarget.value)) : undefined)
          }
          maw={260}
        />
        <div aria-live="polite">
          <Text>{inWords(cron)}</Text>
          <NextTimesOf
            cron={cron}
            zone={timeZone}
            blackouts={blackouts}
            pausedUntil={pausedUntil && timestampDate(pausedUntil)}
          />
        </div>
        <ErrorNote error={set.error} />
        <Group>
          <Button type="submit" loading={set.isPending}>
            {t('common.save')}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}
