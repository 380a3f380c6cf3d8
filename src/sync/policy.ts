import { z } from 'zod';
import { ENTITY_SPECS } from '../roster/index.js';

const percent = (value: number) => z.number().min(0).max(100).default(value);
const FIELDS = [
  ...new Set(Object.values(ENTITY_SPECS).flatMap(({ fields }) => fields.map(({ field }) => field))),
];

/**
 * Who wins in a field: the source; SmartID once it was edited there; or the source only while the field is
 * empty.
 */
const FIELD_POLICIES = ['SOURCE', 'SMARTID', 'FILL'] as const;
export type FieldPolicy = (typeof FIELD_POLICIES)[number];

const fields = z.partialRecord(z.enum([...FIELDS, 'courseId']), z.enum(FIELD_POLICIES)).prefault({});

/** How the syncs of one integration are to be careful. */
export const syncPolicy = z.strictObject({
  graceRuns: z.int().min(0).max(1_000).default(1).meta({
    description: 'How many complete readings somebody may be missing from before being deactivated.',
  }),
  graceDays: z
    .number()
    .min(0)
    .max(10_000)
    .optional()
    .meta({ description: 'After how many days of being missing somebody is deactivated all the same.' }),
  guard: z
    .strictObject({
      deactivatedPercent: percent(10).meta({
        description: 'A run that takes away more of an entity type than this is held.',
      }),
      changedPercent: percent(75).meta({
        description: 'A run that changes more of an entity type than this is held.',
      }),
      floor: z.int().min(0).default(5).meta({ description: 'Fewer rows than this never hold a run.' }),
      baselineDays: z
        .number()
        .min(0)
        .max(10_000)
        .default(28)
        .meta({ description: 'Over how many days those who leave in several runs are added up.' }),
    })
    .prefault({}),
  fields: z
    .strictObject({ STUDENT: fields, TEACHER: fields, COURSE: fields, GROUP: fields })
    .prefault({})
    .meta({
      description:
        'Who wins in a field. SOURCE: the source. SMARTID: SmartID once edited there. FILL: the source while it is empty.',
    }),
  correlation: z
    .strictObject({
      link: z
        .number()
        .min(0)
        .max(1)
        .default(0.9)
        .meta({ description: 'From this confidence on a single candidate is linked.' }),
      conflict: z
        .number()
        .min(0)
        .max(1)
        .default(0.5)
        .meta({ description: 'From this confidence on a person has to decide.' }),
    })
    .prefault({}),
});

export type SyncPolicy = z.infer<typeof syncPolicy>;

/** Thresholds for one run, and why. */
export interface GuardOverride {
  deactivatedPercent?: number | undefined;
  changedPercent?: number | undefined;
  reason: string;
}
