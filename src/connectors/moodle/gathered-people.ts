import type { CoursePeople, CoursePerson } from './course-people.js';
import type { EnrolledUser, MoodleCourse } from './moodle-wire.js';

export type { CoursePerson };

export type Role = 'STUDENT' | 'TEACHER';

/** Whether something is so; undefined where Moodle does not say. */
export type Told = boolean | undefined;

/** A person of one or several courses. */
export interface MoodlePerson {
  user: EnrolledUser;
  /** What the person is, over all courses, and whether an enrolment as such is active; may be both. */
  roles: Map<Role, Told>;
}

/** Everyone enrolled anywhere, each once. */
export interface Gathered {
  people: MoodlePerson[];
  groups: { id: number; name: string; courseId: number }[];
  /** Of active enrolments alone. */
  memberships: { groupId: number; personId: number; role: Role }[];
}

/** What the lists of all courses say, put together. */
export class GatheredPeople {
  readonly #people = new Map<number, MoodlePerson>();
  readonly #groups = new Map<number, Gathered['groups'][number]>();
  readonly #memberships: Gathered['memberships'] = [];

  constructor(private readonly rolesOf: (user: EnrolledUser) => Role[]) {}

  get size(): number {
    return this.#people.size;
  }

  get showsGroups(): boolean {
    return this.#groups.size > 0;
  }

  add(course: MoodleCourse, people: CoursePeople['people']): void {
    for (const { user, active } of people) {
      const person = this.#people.get(user.id) ?? { user, roles: new Map<Role, Told>() };
      this.#people.set(user.id, person);
      const roles = this.rolesOf(user);
      for (const role of roles) {
        const before = person.roles.get(role);
        // One active enrolment is enough, and one of which nobody knows may be active.
        person.roles.set(role, person.roles.has(role) ? either(before, active) : active);
      }
      for (const { id, name } of user.groups ?? []) {
        this.#groups.set(id, { id, name, courseId: course.id });
        if (active === false) continue;
        for (const role of roles) this.#memberships.push({ groupId: id, personId: user.id, role });
      }
    }
  }

  /** The order does not depend on which call was answered first. */
  inOrder(): Gathered {
    return {
      people: [...this.#people.values()].sort((a, b) => a.user.id - b.user.id),
      groups: [...this.#groups.values()].sort((a, b) => a.id - b.id),
      memberships: this.#memberships.sort((a, b) => a.groupId - b.groupId || a.personId - b.personId),
    };
  }
}

function either(a: Told, b: Told): Told {
  if (a || b) return true;
  return a === undefined || b === undefined ? undefined : false;
}
