export type NationalIdCheck =
  | { ok: true; value: string }
  /** It has the form of a national id whose check digit is wrong. */
  | { ok: false; kind: 'RUT' | 'cédula' };

const RUT = /^(\d{1,3}(?:\.?\d{3}){1,2})-?([\dkK])$/;
const CEDULA = /^\d{10}$/;

/**
 * Brings a national id to its one form: a Chilean RUT to `12345678-5`, an Ecuadorian cédula to its ten
 * digits. Text of another form (a passport, say) is kept as it is: it has no check digit that we know.
 */
export function checkNationalId(text: string): NationalIdCheck {
  const compact = text.replace(/[\s‐-―]/g, (character) => (/\s/.test(character) ? '' : '-'));
  const bare = compact.replaceAll('-', '');
  if (CEDULA.test(bare)) return isCedula(bare) ? { ok: true, value: bare } : { ok: false, kind: 'cédula' };
  const rut = RUT.exec(compact);
  if (!rut || bare.replaceAll('.', '').length < 7) return { ok: true, value: text };
  const digits = (rut[1] as string).replaceAll('.', '').replace(/^0+/, '');
  if (digits === '') return { ok: true, value: text };
  const check = (rut[2] as string).toUpperCase();
  return rutCheckDigit(digits) === check
    ? { ok: true, value: `${digits}-${check}` }
    : { ok: false, kind: 'RUT' };
}

/**
 * What is written where there is no national id: "S/N", "0", "N/A", one digit over and over (with any check
 * digit), and whatever is too short or without digits. A pattern of letters and digits alone, for JavaScript
 * and PostgreSQL alike.
 */
export const NO_NATIONAL_ID = '^(?:.{0,4}|[^0-9]*|(.)\\1*.?)$';
/** The same for a code, which may be as short as "7". */
export const NO_CODE =
  '^(?:|0+|XX+|S?N|N[ADNT]|NO|NULL|NONE|NINGUN[OA]|SINCODIGO|SINDATOS?|NOTIENE|NOAPLICA|PENDIENTE)$';

const NO_NATIONAL_ID_PATTERN = new RegExp(NO_NATIONAL_ID);

/** Whether a national id, as `checkNationalId` brings it, can tell one person from another. */
export function isIdentifying(nationalId: string): boolean {
  return !NO_NATIONAL_ID_PATTERN.test(nationalId.toUpperCase().replace(/[^A-Z0-9]/g, ''));
}

/** Modulo 11 with weights 2 to 7 from the right; 10 is K, 11 is 0. */
function rutCheckDigit(digits: string): string {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) sum += Number(digits[digits.length - 1 - i]) * (2 + (i % 6));
  const rest = 11 - (sum % 11);
  return rest === 11 ? '0' : rest === 10 ? 'K' : String(rest);
}

/** Province 01–24 or 30, third digit below 6, weights 2,1,2,… with the digits of products added. */
function isCedula(digits: string): boolean {
  const province = Number(digits.slice(0, 2));
  if (!((province >= 1 && province <= 24) || province === 30) || Number(digits[2]) >= 6) return false;
  let sum = 0;
  for (let i = 0; i < 9; i++) {
    const product = Number(digits[i]) * (i % 2 === 0 ? 2 : 1);
    sum += product > 9 ? product - 9 : product;
  }
  return (10 - (sum % 10)) % 10 === Number(digits[9]);
}
