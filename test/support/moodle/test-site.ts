import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MoodleCourse, MoodleSession, MoodleSimulator, MoodleUser } from './index.js';

/** A simulator behind a real socket. */
export interface OpenMoodle {
  url: string;
  /** Calls one function; an empty name or envelope entry is not sent at all. */
  call(
    wsfunction: string,
    params?: Record<string, string>,
    envelope?: Record<string, string>,
  ): Promise<Response>;
  close(): void;
}

/** Opens a simulator on a free port, under a sub-folder when one is given. */
export async function openMoodle(moodle: MoodleSimulator, folder = ''): Promise<OpenMoodle> {
  const server = createServer(moodle.handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${folder}/webservice/rest/server.php`;
  return {
    url,
    call: (wsfunction, params = {}, envelope = {}) => {
      const own = { wstoken: moodle.token, wsfunction, moodlewsrestformat: 'json', ...envelope };
      const sent = [...Object.entries(own).filter(([, value]) => value !== ''), ...Object.entries(params)];
      return fetch(url, { method: 'POST', body: new URLSearchParams(sent), redirect: 'manual' });
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Session 1 for the whole course, session 2 for one group and with a mark. */
export function addTwoSessions(moodle: MoodleSimulator): void {
  moodle.sessions.set(1, sessionOf(1, 0));
  moodle.sessions.set(2, { ...sessionOf(2, 31), log: new Map([[41, { statusid: '29', remarks: null }]]) });
}

/** An untouched session of activity 7. */
export function sessionOf(id: number, groupid: number): MoodleSession {
  const when = { sessdate: 1773650000, duration: 2700 };
  return {
    id,
    attendanceid: 7,
    groupid,
    ...when,
    description: `session ${id}`,
    statusset: 0,
    log: new Map(),
  };
}

/** Two courses: one with every kind of person, group and activity, and a hidden one with nearly nothing. */
export function smallSchool(): { courses: MoodleCourse[]; users: MoodleUser[] } {
  return {
    users: [
      user(43, 'Beto', 'Paz', ' 43 '),
      user(40, 'Olga', "O'Ryan & Sosa", 'T-40'),
      { ...user(41, 'Teo', 'Arce', '007'), username: 'tarce', email: 'tarce@lirios.example' },
      {
        ...user(42, 'Inés', 'Ocampo', ''),
        username: 'nluna',
        email: 'nluna@lirios.example',
        suspended: true,
      },
      user(44, 'Eva', 'Ríos', '44'),
    ],
    courses: [
      {
        id: 12,
        shortname: 'CORO',
        fullname: 'Coro <1> & Danza',
        idnumber: 'HC-12',
        groups: [{ id: 31, name: 'Tarde & Noche' }],
        enrolments: [
          { userId: 40, roles: ['editingteacher'] },
          { userId: 42, roles: ['student', 'teacher'] },
          { userId: 41, roles: ['student'], groupIds: [31] },
          { userId: 43, roles: [] },
        ],
        attendance: [
          { id: 7, groupmode: 2 },
          { id: 8, name: 'Without groups' },
          { id: 9, groupmode: 1 },
        ],
      },
      {
        id: 13,
        shortname: 'TEJ',
        fullname: 'Tejido',
        visible: false,
        enrolments: [{ userId: 41, roles: ['student'] }],
      },
    ],
  };
}

function user(id: number, firstname: string, lastname: string, idnumber: string): MoodleUser {
  const username = firstname.toLowerCase();
  return { id, username, firstname, lastname, email: `${username}@school.example`, idnumber };
}
