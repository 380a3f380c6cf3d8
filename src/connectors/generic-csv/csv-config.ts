import { z } from 'zod';
import { webAddress } from '../http/index.js';

/** The files of a school, by what they hold. */
export const FILE_KINDS = ['students', 'teachers', 'courses', 'groups', 'memberships'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/** Said of a file: the school has no such list. */
export const NO_FILE = 'none';

const fileName = z.string().min(1).max(255);
/** As long as Excel lets it be. */
const sheetName = z.string().min(1).max(31);
const overrides = z.record(z.string(), z.string());

const bucketName = z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'is not a name of a bucket');

/** Settings of GENERIC_CSV. Folders are relative to the operator's CSV_ROOT, or absolute below it. */
const settings = z.strictObject({
  importPath: z.string().min(1).optional().meta({
    description:
      'Folder that holds the files to import, below the folder that the operator allows. "uploads/{id}": what is uploaded for this integration.',
  }),
  exportPath: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Folder that attendance files are written to; made when it is first needed.' }),
  s3Bucket: bucketName
    .optional()
    .meta({ description: 'S3 bucket to import from; it goes before importPath.' }),
  s3Prefix: z
    .string()
    .max(900)
    .default('')
    .meta({ description: 'Folder in the bucket; the newest complete set below it is read.' }),
  // It becomes part of a host name, to which the service's own keys may sign.
  s3Region: z
    .string()
    .regex(/^[a-z0-9-]{1,64}$/, 'must be the name of a region, such as us-east-1')
    .default('us-east-1')
    .meta({ description: 'Region of the bucket.' }),
  s3Endpoint: webAddress('the address of an S3 service, such as https://s3.example.com')
    .optional()
    .meta({ description: 'Address of an S3 service other than that of AWS.' }),
  s3ForcePathStyle: z
    .boolean()
    .optional()
    .meta({ description: 'Whether the bucket stands in the path instead of the host name.' }),
  s3ExportPrefix: z
    .string()
    .max(900)
    .default('attendance')
    .meta({ description: 'Folder below s3Prefix that attendance files go to when there is no exportPath.' }),
  timeout: z
    .int()
    .min(100)
    .max(600_000)
    .default(30_000)
    .meta({ description: 'Milliseconds that S3 may be silent.' }),
  files: z
    .strictObject({
      students: fileName.default('students.csv'),
      teachers: fileName.default('teachers.csv'),
      courses: fileName.default('courses.csv'),
      groups: fileName.default('groups.csv'),
      memberships: fileName.default('memberships.csv'),
    })
    .prefault({})
    .meta({
      description:
        'Other file names than the usual ones. "none" says that the school has no such list (not of students).',
    }),
  sheet: z
    .union([
      sheetName,
      z.strictObject({
        students: sheetName.optional(),
        teachers: sheetName.optional(),
        courses: sheetName.optional(),
        groups: sheetName.optional(),
        memberships: sheetName.optional(),
      }),
    ])
    .optional()
    .meta({
      description:
        'Sheet of a workbook (.xlsx) that is read: one name for all files, or one for each. Default: the first.',
    }),
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
      description:
        'For each file, field -> header as it stands in the file, where the header is not recognised by itself.',
    }),
  states: z
    .record(z.string(), z.enum(['ACTIVE', 'INACTIVE']))
    .default({})
    .meta({
      description:
        'What values of a column for the state (estado) mean that are not known: {"Condicional": "ACTIVE"}.',
    }),
  metadata: z
    .union([z.array(z.string().min(1)), z.literal('*')])
    .optional()
    .meta({
      description:
        'Headers of columns that no field is known for and that are kept as metadata; "*" for all. Default: none.',
    }),
  coursesFromStudents: z.boolean().default(false).meta({
    description:
      'Whether the groups that students.csv names (curso, grupo) are courses too, where there is no courses.csv.',
  }),
  timeZone: z
    .string()
    .optional()
    .meta({ description: 'IANA time zone of the school. Default America/Santiago.' }),
});

export const csvConfig = settings.refine(({ importPath, s3Bucket }) => importPath ?? s3Bucket, {
  path: ['importPath'],
  error:
    'is required: the folder that holds students.csv, teachers.csv, courses.csv and groups.csv (or s3Bucket, the bucket that does)',
});

export type CsvConfig = z.infer<typeof csvConfig>;

/** Holds a folder for each integration that files were uploaded for, by its id. */
export const UPLOADS_ROOT = 'uploads';

/** Where uploaded files of an integration lie; its id stands in the place of {id}. */
export const UPLOADS = `${UPLOADS_ROOT}/{id}`;

/** The folder that is meant, below the one that the operator allows. */
export function importFolder({ importPath = '' }: Pick<CsvConfig, 'importPath'>, id: string): string {
  return importPath === UPLOADS ? UPLOADS.replace('{id}', id) : importPath;
}

/** The sheet that a list stands on, where the settings say so. */
export function sheetOf({ sheet }: Pick<CsvConfig, 'sheet'>, kind: FileKind): string | undefined {
  return typeof sheet === 'object' ? sheet[kind] : sheet;
}

/** A local folder needs no credentials, and S3 none where the service has a role of its own. */
export const csvCredentials = z
  .strictObject({
    awsAccessKey: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'AWS access key; default: those of the service itself.' }),
    awsSecretKey: z.string().min(1).optional().meta({ description: 'AWS secret key.' }),
  })
  .refine(({ awsAccessKey, awsSecretKey }) => (awsAccessKey === undefined) === (awsSecretKey === undefined), {
    path: ['awsSecretKey'],
    error: 'and awsAccessKey go together: give both, or none to use the keys of the service itself',
  });

export type CsvCredentials = z.infer<typeof csvCredentials>;
