/** What a mapping maps and a sync brings in. */
export enum MappingEntityType {
  COURSE = 'COURSE',
  GROUP = 'GROUP',
  STUDENT = 'STUDENT',
  TEACHER = 'TEACHER',
}
