import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const CLASS = 30;

/**
 * Writes a school: so many students in classes of thirty, every second of them in a second group too. With
 * `changed`, one student in a hundred has another name, and is in another second group. Returns how many
 * memberships there are.
 */
export async function writeSchool(
  folder: string,
  students: number,
  { changed = false } = {},
): Promise<number> {
  const classes = Math.ceil(students / CLASS);
  const isOther = (i: number) => changed && i % 100 === 6;
  const groups = Array.from({ length: classes }, (_, i) => `G${i},Curso ${i}`);
  const people = Array.from(
    { length: students },
    (_, i) => `S${i},${isOther(i) ? 'Eva' : 'Ana'} ${i % 977},Soto ${i % 1009}`,
  );
  const memberships: string[] = [];
  for (let i = 0; i < students; i++) {
    const own = Math.floor(i / CLASS);
    memberships.push(`G${own},S${i},alumno`);
    if (i % 2 === 0) memberships.push(`G${(own + (isOther(i) ? 2 : 1)) % classes},S${i},alumno`);
  }
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'groups.csv'), `id,nombre\n${groups.join('\n')}\n`);
  await writeFile(join(folder, 'students.csv'), `id,nombres,apellidos\n${people.join('\n')}\n`);
  await writeFile(join(folder, 'memberships.csv'), `grupo_id,persona_id,rol\n${memberships.join('\n')}\n`);
  return memberships.length;
}
