import { once } from 'node:events';
import { createWriteStream } from 'node:fs';

export const HEADER = 'id,rut,first_name,last_name,email,student_code,enrolled_on';

/**
 * Writes a file of students, the same each time; with `changed`, one row in a hundred has another e-mail
 * address.
 */
export async function writeStudents(path: string, rows: number, { changed = false } = {}): Promise<void> {
  const file = createWriteStream(path);
  file.write(`${HEADER}\n`);
  for (let i = 0; i < rows; i++) {
    const host = changed && i % 100 === 7 ? 'nuevo.example' : 'colegio.example';
    const day = String(1 + (i % 28)).padStart(2, '0');
    const line = `S${i},,Ana María ${i % 977},Soto Muñoz ${i % 1009},alumno${i}@${host},C${i},2026-03-${day}\n`;
    if (!file.write(line)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}
