export { makeMoodleSchool } from './make-school.js';
export { MoodleSimulator } from './moodle-simulator.js';
export type {
  MoodleAttendance,
  MoodleCourse,
  MoodleEnrolment,
  MoodleGroup,
  MoodleSession,
  MoodleSimulatorOptions,
  MoodleStatus,
  MoodleUser,
  MoodleVices,
} from './types.js';
