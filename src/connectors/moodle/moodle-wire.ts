import { z } from 'zod';

/**
 * Answers of web service functions, as far as they are used. Moodle writes whole numbers as numbers or as
 * text.
 */
const id = z.coerce.number().int();
const flag = z.union([z.boolean(), z.number()]).transform(Boolean);

export const siteInfo = z.object({
  sitename: z.string(),
  release: z.string().optional(),
  username: z.string(),
  userid: id,
  functions: z.array(z.object({ name: z.string() })),
});

export const course = z.object({
  id,
  shortname: z.string(),
  fullname: z.string(),
  idnumber: z.string().optional(),
  categoryid: id.optional(),
  format: z.string().optional(),
  visible: flag.optional(),
  startdate: z.number().optional(),
  enddate: z.number().optional(),
});
export type MoodleCourse = z.infer<typeof course>;
export const courses = z.array(course);
export const coursesByField = z.object({ courses });

export const usersCourses = z.array(z.object({ id }));

export const enrolledUsers = z.array(
  z.object({
    id,
    username: z.string().optional(),
    firstname: z.string().optional(),
    lastname: z.string().optional(),
    fullname: z.string().optional(),
    email: z.string().optional(),
    idnumber: z.string().optional(),
    roles: z.array(z.object({ shortname: z.string() })).optional(),
    groups: z.array(z.object({ id, name: z.string() })).optional(),
  }),
);
export type EnrolledUser = z.infer<typeof enrolledUsers>[number];

export const usersByField = z.array(z.object({ id, suspended: flag.optional() }));

export const courseContents = z.array(
  z.object({
    modules: z.array(
      z.object({
        instance: id.optional(),
        name: z.string().optional(),
        modname: z.string(),
        groupmode: z.number().optional(),
        visible: flag.optional(),
      }),
    ),
  }),
);

const session = z.object({
  id,
  attendanceid: id.optional(),
  groupid: id,
  sessdate: z.number(),
  duration: z.number(),
  description: z.string().nullish(),
});
export const sessions = z.array(session);
export type MoodleSession = z.infer<typeof session>;

/** Courses of a teacher with their sessions of today. */
export const todaySessions = z.array(
  z.object({ attendance_instances: z.array(z.object({ today_sessions: sessions })) }),
);

export const sessionDetails = z.object({
  id,
  courseid: id.optional(),
  statusset: id,
  statuses: z.array(z.object({ id, acronym: z.string(), setnumber: id, deleted: flag.optional() })),
  attendance_log: z.array(z.object({ studentid: id, statusid: z.coerce.string() })),
  users: z.array(z.object({ id })).optional(),
});
export type SessionDetails = z.infer<typeof sessionDetails>;

export const addedSession = z.object({ sessionid: id });

/** null in one version of the plugin, "OK" in another. */
export const anything = z.unknown();
