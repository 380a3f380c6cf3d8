import { z } from 'zod';

/**
 * Records of OneRoster as its JSON has them; rows of CSV files are brought into the same form. What may be
 * missing may also be of another type than the standard says: then it counts as missing, and the record
 * stays. Only `sourcedId` is required.
 */
const text = z
  .union([z.string(), z.number().transform(String)])
  .nullish()
  .catch(undefined);
const texts = z
  .union([z.array(z.coerce.string()), z.string().transform((one) => (one.trim() === '' ? [] : [one]))])
  .nullish()
  .catch(undefined);
const reference = z.object({ sourcedId: text }).nullish().catch(undefined);
const references = z
  .union([z.array(z.object({ sourcedId: text })), z.object({ sourcedId: text }).transform((one) => [one])])
  .nullish()
  .catch(undefined);
const flag = z
  .union([z.boolean(), z.string().transform((word) => !/^\s*(false|0|no)\s*$/i.test(word))])
  .nullish()
  .catch(undefined);

const base = {
  sourcedId: z.union([z.string().min(1), z.number().transform(String)]),
  status: text,
  /** Line in its file. */
  line: z.int().optional(),
};

export const org = z.object({ ...base, name: text });

export const academicSession = z.object({ ...base, title: text });

export const course = z.object({
  ...base,
  title: text,
  courseCode: text,
  grades: texts,
  subjects: texts,
  schoolYear: reference,
  org: reference,
});

export const schoolClass = z.object({
  ...base,
  title: text,
  classCode: text,
  classType: text,
  location: text,
  grades: texts,
  subjects: texts,
  periods: texts,
  course: reference,
  school: reference,
  terms: references,
});

export const user = z.object({
  ...base,
  enabledUser: flag,
  username: text,
  givenName: text,
  middleName: text,
  familyName: text,
  email: text,
  identifier: text,
  grades: texts,
  userIds: z
    .array(z.object({ type: text, identifier: text }))
    .nullish()
    .catch(undefined),
  /** 1.1. */
  role: text,
  /** 1.1; 1.2 has an org with each role. */
  orgs: references,
  /** 1.2. */
  roles: z
    .array(z.object({ status: text, role: text, beginDate: text, endDate: text, org: reference }))
    .nullish()
    .catch(undefined),
});

export const enrollment = z.object({
  ...base,
  role: text,
  user: reference,
  class: reference,
  beginDate: text,
  endDate: text,
});

export type Org = z.infer<typeof org>;
export type AcademicSession = z.infer<typeof academicSession>;
export type Course = z.infer<typeof course>;
export type SchoolClass = z.infer<typeof schoolClass>;
export type User = z.infer<typeof user>;
export type Enrollment = z.infer<typeof enrollment>;

/** The lists of OneRoster that are read, and what their records are. */
export const LISTS = {
  orgs: org,
  academicSessions: academicSession,
  courses: course,
  classes: schoolClass,
  students: user,
  teachers: user,
  enrollments: enrollment,
} as const;

export type ListName = keyof typeof LISTS;
export type RecordOf<L extends ListName> = z.infer<(typeof LISTS)[L]>;
