import { z } from 'zod';
import { webAddress } from '../http/index.js';

const names = (list: string[]) => z.array(z.string().min(1)).min(1).default(list);
/** One acronym or several, of which an activity has the first it knows. */
const acronyms = (text: string) =>
  z
    .union([z.string().trim().min(1), z.array(z.string().trim().min(1)).min(1)])
    .transform((given) => (typeof given === 'string' ? [given] : given))
    .prefault(text);

function areDistinct(given: Record<string, readonly string[]>): boolean {
  const all = Object.values(given).flatMap((list) => [...new Set(list)]);
  return new Set(all).size === all.length;
}

/** Settings of MOODLE. */
export const moodleConfig = z.strictObject({
  apiUrl: webAddress('the address of the Moodle site, such as https://aula.colegio.cl').meta({
    description: 'Address of the Moodle site, with its sub-folder if it has one.',
  }),
  wsFunction: z
    .string()
    .regex(
      /^[a-z0-9_]+$/,
      'must be the name of a web service function, such as core_webservice_get_site_info',
    )
    .default('core_webservice_get_site_info')
    .meta({ description: 'Web service function that the connection test calls.' }),
  timeout: z
    .int()
    .min(100)
    .max(600_000)
    .default(30_000)
    .meta({ description: 'Milliseconds that one call may take.' }),
  roles: z
    .strictObject({ student: names(['student']), teacher: names(['editingteacher', 'teacher']) })
    .prefault({})
    .meta({ description: 'Short names of the roles that make a person of a course a student or a teacher.' }),
  pageSize: z.int().min(1).max(5_000).default(500).meta({ description: 'People asked for in one call.' }),
  concurrency: z.int().min(1).max(8).default(2).meta({ description: 'Calls at once while reading.' }),
  statusAcronyms: z
    .strictObject({
      PRESENT: acronyms('P'),
      ABSENT: acronyms('A'),
      LATE: acronyms('L'),
      EXCUSED: acronyms('E'),
    })
    .refine(areDistinct, 'must not give the same acronym to two statuses')
    .prefault({})
    .meta({
      description:
        'Acronyms of the attendance statuses in Moodle; a list where activities differ, each of which takes the first it has.',
    }),
  courseFilter: z
    .strictObject({
      ids: z.array(z.int().positive()).min(1).optional(),
      categories: z.array(z.int().positive()).min(1).optional(),
      hidden: z.boolean().default(true),
    })
    .prefault({})
    .meta({
      description: 'Which courses count: these ids, these categories, hidden ones or not. Default: all.',
    }),
  inactiveEnrolments: z.enum(['keep', 'deactivate']).default('deactivate').meta({
    description:
      'What becomes of people all of whose enrolments are suspended or over: they count as before, or become inactive.',
  }),
  suspensionHours: z.int().min(0).max(168).default(12).meta({
    description:
      'How many hours it counts that an account is suspended or not, before Moodle is asked again; 0: every sync asks.',
  }),
  createSessions: z.boolean().default(true).meta({
    description: 'Whether a session that the attendance activity does not have may be added to it.',
  }),
  timeZone: z
    .string()
    .optional()
    .meta({ description: 'IANA time zone of the school. Default America/Santiago.' }),
});

export type MoodleConfig = z.infer<typeof moodleConfig>;

export const moodleCredentials = z.strictObject({
  wsToken: z
    .string({ error: 'is required: a token of Site administration → Server → Web services → Manage tokens' })
    .min(1)
    .meta({ description: 'Token of the web service user.' }),
});

export type MoodleCredentials = z.infer<typeof moodleCredentials>;
