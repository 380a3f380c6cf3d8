import { z } from 'zod';

/** The files of a school, by what they hold. */
export const FILE_KINDS = ['students', 'teachers', 'courses', 'groups', 'memberships'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

const fileName = z.string().min(1).max(255);
const overrides = z.record(z.string(), z.string());

/** Settings of GENERIC_CSV. Folders are relative to the operator's CSV_ROOT, or absolute below it. */
export const csvConfig = z.strictObject({
  importPath: z
    .string({ error: 'is required: the folder that holds students.csv, teachers.csv, courses.csv and groups.csv' })
    .min(1)
    .meta({ description: 'Folder that holds the files to import, below the folder that the operator allows.' }),
  exportPath: z.string().min(1).optional().meta({ description: 'Folder that attendance files are written to.' }),
  files: z
    .strictObject({
      students: fileName.default('students.csv'),
      teachers: fileName.default('teachers.csv'),
      courses: fileName.default('courses.csv'),
      groups: fileName.default('groups.csv'),
      memberships: fileName.default('memberships.csv'),
    })
    .prefault({})
    .meta({ description: 'Other file names than the usual ones.' }),
  columns: z
    .strictObject({
      students: overrides.optional(),
      teachers: overrides.optional(),
      courses: overrides.optional(),
      groups: overrides.optional(),
      memberships: overrides.optional(),
    })
    .prefault({})
    .meta({
      description: 'For each file, field -> header as it stands in the file, where the header is not recognised by itself.',
    }),
  timeZone: z.string().optional().meta({ description: 'IANA time zone of the school. Default America/Santiago.' }),
});

export type CsvConfig = z.infer<typeof csvConfig>;

/** A local folder needs no credentials. */
export const csvCredentials = z.strictObject({});
