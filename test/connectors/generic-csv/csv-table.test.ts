import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { FileKind } from '../../../src/connectors/generic-csv/csv-config.js';
import { inFolder, onS3, packed, readCsv, type Storage } from './read-csv.js';

/**
 * What must come of a file: some fields of each record, `rule@line` of each issue, or the words of the error.
 */
interface Case {
  file: Buffer | string;
  kind?: FileKind;
  config?: object;
  records?: object[];
  issues?: string[];
  error?: RegExp;
}

const HEAD = 'id,nombres,apellidos';
const ana = { externalId: '1', givenName: 'Ana', familyName: 'Soto' };
const pia = { externalId: '2', givenName: 'Pía', familyName: 'Ñuñez' };
const latin = (text: string) => Buffer.from(text, 'latin1');
const utf16le = (text: string) => Buffer.from(text, 'utf16le');
const utf16be = (text: string) => Buffer.from(text, 'utf16le').swap16();
const MARK = '\uFEFF';
const FEW = `${HEAD}\n1,Ana,Soto\n`;

const CASES: Record<string, Case> = {
  // Delimiters
  commas: { file: FEW, records: [ana] },
  semicolons: { file: 'id;nombres;apellidos\n1;Ana;Soto\n', records: [ana] },
  tabs: { file: 'id\tnombres\tapellidos\n1\tAna\tSoto\n', records: [ana] },
  pipes: { file: 'id|nombres|apellidos\n1|Ana|Soto\n', records: [ana] },
  'semicolons with commas in the values': {
    file: 'id;nombres;apellidos\n1;Ana;"Soto, Paz"\n2;Pía;Ñuñez, Rojas\n',
    records: [{ familyName: 'Soto, Paz' }, { familyName: 'Ñuñez, Rojas' }],
  },
  'commas with semicolons in a header': {
    file: 'id,nombres,apellidos,"a;b;c;d"\n1,Ana,Soto,x\n',
    records: [{ ...ana, metadata: { 'a;b;c;d': 'x' } }],
  },
  "a spreadsheet's sep= line": {
    file: 'sep=;\r\nid;nombres;apellidos\r\n1;Ana;Soto\r\n',
    records: [{ ...ana, line: 3 }],
  },
  'decimal commas under semicolons': {
    file: 'id;nombres;apellidos;nota\n1;Ana;Soto;6,5\n',
    records: [{ metadata: { nota: '6,5' } }],
  },
  // Encodings
  'UTF-8': { file: `${HEAD}\n2,Pía,Ñuñez\n`, records: [pia] },
  'UTF-8 with a mark': { file: `${MARK}${HEAD}\n2,Pía,Ñuñez\n`, records: [pia] },
  'Windows-1252': { file: latin(`${HEAD}\n2,Pía,Ñuñez\n`), records: [pia], issues: ['file.encoding@'] },
  'Windows-1252 with a euro sign and curly quotes': {
    file: Buffer.concat([latin(`${HEAD}\n1,Ana,`), Buffer.from([0x80, 0x93, 0x94]), latin('\n')]),
    records: [{ familyName: '€“”' }],
    issues: ['file.encoding@'],
  },
  'Windows-1252 whose first accent comes after a megabyte': {
    file: latin(`${HEAD}\n${'1,Ana,Soto\n'.repeat(110_000)}2,Pía,Ñuñez\n`),
    issues: ['file.encoding@'],
  },
  'UTF-16 little endian with a mark': { file: utf16le(`${MARK}${HEAD}\n2,Pía,Ñuñez\n`), records: [pia] },
  'UTF-16 big endian with a mark': { file: utf16be(`${MARK}${HEAD}\n2,Pía,Ñuñez\n`), records: [pia] },
  'UTF-16 little endian without a mark': { file: utf16le(`${HEAD}\n2,Pía,Ñuñez\n`), records: [pia] },
  'UTF-16 big endian without a mark': { file: utf16be(`${HEAD}\n2,Pía,Ñuñez\n`), records: [pia] },
  'a character cut in two by the end of a UTF-8 file': {
    file: Buffer.concat([Buffer.from(`${HEAD}\n1,Ana,Sot`), Buffer.from([0xc3])]),
    records: [{ familyName: 'SotÃ' }],
    issues: ['file.encoding@'],
  },
  'characters beyond the basic plane': {
    file: `${HEAD}\n1,Ana 🎓,Soto\n`,
    records: [{ givenName: 'Ana 🎓' }],
  },
  // Line ends
  CRLF: {
    file: `${HEAD}\r\n1,Ana,Soto\r\n2,Pía,Ñuñez\r\n`,
    records: [
      { ...ana, line: 2 },
      { ...pia, line: 3 },
    ],
  },
  'CRLF and LF mixed': {
    file: `${HEAD}\r\n1,Ana,Soto\n2,Pía,Ñuñez\r\n3,Eva,Paz\n`,
    records: [ana, pia, { externalId: '3', line: 4 }],
  },
  'LF header and CRLF rows': { file: `${HEAD}\n1,Ana,Soto\r\n2,Pía,Ñuñez\r\n`, records: [ana, pia] },
  'lone CR of an old Mac': {
    file: `${HEAD}\r1,Ana,Soto\r2,Pía,Ñuñez\r`,
    records: [ana, { ...pia, line: 3 }],
  },
  'no line end at the end': { file: `${HEAD}\n1,Ana,Soto`, records: [ana] },
  'blank lines between rows': {
    file: `${HEAD}\n\n1,Ana,Soto\n\n\n2,Pía,Ñuñez\n\n`,
    records: [
      { ...ana, line: 3 },
      { ...pia, line: 6 },
    ],
  },
  'blank lines above the header': { file: `\n\n${HEAD}\n1,Ana,Soto\n`, records: [{ ...ana, line: 4 }] },
  'rows of empty cells': { file: `${HEAD}\n,,\n1,Ana,Soto\n ,\t, \n`, records: [ana] },
  // Quotes
  'quoted cells': { file: `"id","nombres","apellidos"\n"1","Ana","Soto"\n`, records: [ana] },
  'a delimiter in quotes': { file: `${HEAD}\n1,"Ana, María",Soto\n`, records: [{ givenName: 'Ana, María' }] },
  'doubled quotes': { file: `${HEAD}\n1,"Ana ""Nita""",Soto\n`, records: [{ givenName: 'Ana "Nita"' }] },
  'a quote inside an unquoted cell': {
    file: `${HEAD}\n1,Ana "Nita" Paz,Soto\n`,
    records: [{ givenName: 'Ana "Nita" Paz' }],
  },
  'a line break in quotes, and the lines after it': {
    file: `${HEAD},nota\n1,Ana,Soto,"a\nb\r\nc"\n2,Pía,Ñuñez,x\n`,
    records: [{ line: 2, metadata: { nota: 'a\nb\r\nc' } }, { line: 5 }],
  },
  'a line break in a header': {
    file: `id,nombres,apellidos,"fono\ncasa"\n1,Ana,Soto,9\n`,
    records: [{ line: 3, metadata: { 'fono\ncasa': '9' } }],
  },
  'empty quoted cells': { file: `${HEAD}\n1,"",Soto\n`, records: [{ externalId: '1', givenName: '' }] },
  'a quotation that the file ends in': {
    file: `${HEAD}\n1,Ana,Soto\n2,"Pía,Ñuñez\n3,Eva,Paz\n`,
    error: /students\.csv ends inside a quotation; the row begins on line 3/,
  },
  'a file cut off in a quotation on its last line': { file: `${HEAD}\n1,Ana,"Sot`, error: /line 2/ },
  // Ragged rows
  'too few columns': { file: `${HEAD}\n1,Ana\n2,Pía,Ñuñez\n`, records: [pia], issues: ['row.ragged@2'] },
  'too many columns': {
    file: `${HEAD}\n1,Ana,Soto,x\n2,Pía,Ñuñez\n`,
    records: [pia],
    issues: ['row.ragged@2'],
  },
  'empty cells too many at the end': { file: `${HEAD}\n1,Ana,Soto,,,\n`, records: [ana] },
  'a word alone on a line': {
    file: `${HEAD}\nTotal\n2,Pía,Ñuñez\n`,
    records: [pia],
    issues: ['row.ragged@2'],
  },
  'a decimal comma that splits a value': {
    file: `${HEAD},nota\n1,Ana,Soto,6,5\n`,
    records: [],
    issues: ['row.ragged@2'],
  },
  // Damage
  'a NUL in a value': {
    file: `${HEAD}\n1,A\0na,Soto\n2,Pía,Ñuñez\n`,
    records: [pia],
    issues: ['value.nul@2'],
  },
  'a field of 10 MB': {
    file: `${HEAD}\n1,Ana,Soto\n2,${'x'.repeat(10_000_000)},y\n`,
    error: /students\.csv line 3: the row has more than 1,000,000 characters/,
  },
  'an unclosed quote before 10 MB of rows': {
    file: `${HEAD}\n1,"Ana,Soto\n${'2,Pía,Paz\n'.repeat(1_000_000)}`,
    error: /students\.csv line 2/,
  },
  'nothing at all': { file: '', error: /students\.csv is empty/ },
  'only a mark': { file: MARK, error: /students\.csv is empty/ },
  'only white space': { file: ' \n\n  \n', error: /students\.csv is empty/ },
  'a header only': { file: `${HEAD}\n`, records: [] },
  'a header without a line end': { file: HEAD, records: [] },
  // Headers
  'documented English headers': {
    file: 'external_id,first_name,last_name,email,student_code\n1,Ana,Soto,a@x.cl,S1\n',
    records: [{ ...ana, email: 'a@x.cl', code: 'S1' }],
  },
  'documented course headers': {
    file: 'external_id,name,code,grade\nC1,Mates,M1,1A\n',
    kind: 'courses',
    records: [{ externalId: 'C1', name: 'Mates', code: 'M1', grade: '1A' }],
  },
  'Spanish headers with accents, case and spaces': {
    file: 'CÓDIGO ; Nombres;Apellido Paterno;Apellido  Materno;R.U.T.;Correo Electrónico;Fecha de Matrícula\nX1;Ana;Soto;Paz;1-9;a@x;01/03/2026\n',
    records: [
      {
        externalId: 'X1',
        code: 'X1',
        givenName: 'Ana',
        familyName: 'Soto Paz',
        nationalId: '1-9',
        email: 'a@x',
        enrolledOn: '01/03/2026',
      },
    ],
  },
  'headers with underscores and hyphens': {
    file: 'external-id,FIRST_NAME,Last Name\n1,Ana,Soto\n',
    records: [ana],
  },
  'the RUT for an id where there is no other': {
    file: 'rut,nombres,apellidos\n12345678-5,Ana,Soto\n',
    records: [{ externalId: '12345678-5', nationalId: '12345678-5' }],
  },
  'overridden headers': {
    file: 'KEY,N1,N2\n1,Ana,Soto\n',
    config: { columns: { students: { externalId: 'key', givenName: 'N1', familyName: 'N2' } } },
    records: [ana],
  },
  'an override that names no column': {
    file: FEW,
    config: { columns: { students: { email: 'Mail' } } },
    error: /students\.csv has no column "Mail"/,
  },
  'an override of an unknown field': {
    file: FEW,
    config: { columns: { students: { colour: 'id' } } },
    error: /names the field "colour"/,
  },
  'other file names': { file: FEW, config: { files: { students: 'alumnos 2026.csv' } }, records: [ana] },
  'no header that is recognised': {
    file: 'foo,bar\n1,2\n',
    error: /students\.csv has no header that is recognised.*foo \| bar/,
  },
  'data where the header should be': {
    file: '1,Ana,Soto\n2,Pía,Ñuñez\n',
    error: /no header that is recognised/,
  },
  'no column for a name': { file: 'id,correo\n1,a@x.cl\n', error: /no column for givenName or familyName/ },
  'two columns of one name': {
    file: 'id,nombres,apellidos,Nombres\n1,Ana,Soto,X\n',
    error: /two columns named "Nombres"/,
  },
  'a column called __proto__': { file: `${HEAD},__proto__,constructor\n1,Ana,Soto,x,y\n`, records: [ana] },
  'a column without a name': { file: `${HEAD},\n1,Ana,Soto,x\n`, records: [ana] },
  'unrecognised columns as metadata': {
    file: `${HEAD},Teléfono,Apoderado\n1,Ana,Soto, 99 ,\n`,
    records: [{ metadata: { Teléfono: '99' } }],
  },
  // Values with a meaning of their own
  'states that count and that do not': {
    file: `${HEAD},estado\n1,Ana,Soto,Activo\n2,Pía,Ñuñez,RETIRADO\n3,Eva,Paz,\n`,
    records: [{ externalId: '1' }, { externalId: '2', active: false }, { externalId: '3' }],
  },
  'a state nobody knows': {
    file: `${HEAD},estado\n1,Ana,Soto,quizás\n`,
    records: [ana],
    issues: ['status.unknown@2'],
  },
  'leading zeros of ids': { file: `${HEAD}\n007,Ana,Soto\n`, records: [{ externalId: '007' }] },
  'groups with course and teacher': {
    file: 'id,nombre,curso_id,profesor_id\nG1,1A,C1,P1\n',
    kind: 'groups',
    records: [{ externalId: 'G1', name: '1A', courseExternalId: 'C1', teacherExternalId: 'P1' }],
  },
  'memberships with roles': {
    file: 'grupo_id,persona_id,rol\nG1,1,Alumno\nG1,P1,Profesor\nG1,2,\n',
    kind: 'memberships',
    records: [{ groupExternalId: 'G1', personExternalId: '1', role: 'STUDENT' }, { personExternalId: '2' }],
  },
  'a role nobody knows': {
    file: 'grupo_id,persona_id,rol\nG1,1,mascota\n',
    kind: 'memberships',
    records: [],
    issues: ['role.unknown@2'],
  },
  'memberships with a column for students': {
    file: 'group_id,student_id\nG1,1\n',
    kind: 'memberships',
    records: [{ groupExternalId: 'G1', personExternalId: '1', role: 'STUDENT' }],
  },
};

describe('CSV files as schools write them', () => {
  it('are at least sixty here', () => {
    expect(Object.keys(CASES).length).to.be.at.least(60);
  });

  const check = async ({ file, kind, config, records, issues = [], error }: Case, storage: Storage) => {
    const result = await readCsv(file, kind, { metadata: '*', ...config }, storage).catch(
      (thrown: unknown) => thrown as Error,
    );
    if (error) {
      expect((result as Error).message?.replace('.csv.gz', '.csv')).to.match(error);
      return;
    }
    if (result instanceof Error) throw result;
    expect(result.issues.map(({ rule, line }) => `${rule}@${line ?? ''}`)).to.deep.equal(issues);
    if (!records) return;
    expect(result.records).to.have.length(records.length);
    records.forEach((expected, index) => {
      const found = result.records[index] as Record<string, unknown>;
      for (const [field, value] of Object.entries(expected)) {
        const plain = field === 'metadata' ? { ...(found[field] as object) } : found[field];
        expect(plain, `${field} of record ${index + 1}`).to.deep.equal(value);
      }
    });
  };

  const storages: Record<string, Storage> = {
    'in a folder': inFolder,
    'packed with gzip': packed,
    'on S3': onS3,
  };
  for (const [where, storage] of Object.entries(storages)) {
    describe(where, () => {
      for (const [name, given] of Object.entries(CASES)) it(name, () => check(given, storage));
    });
  }

  it('keep __proto__ and constructor as data, and nothing else changes', async () => {
    const text = `${HEAD},__proto__,constructor\n1,Ana,Soto,x,y\n`;
    const { records } = await readCsv(text, 'students', { metadata: '*' });
    expect(JSON.stringify(records[0]?.metadata)).to.equal('{"__proto__":"x","constructor":"y"}');
    expect(({} as Record<string, unknown>).x).to.equal(undefined);
  });

  it('ask once for each state that nobody knows, with how many rows have it, and conclude nothing', async () => {
    const rows = ['Condicional', 'condicional ', 'CONDICIONÁL', 'Becado', 'Regular'];
    const text = `${HEAD},estado\n${rows.map((state, n) => `${n},Ana,Soto,${state}`).join('\n')}\n`;
    const { issues, records } = await readCsv(text);
    expect(records.map(({ active }) => active)).to.deep.equal([null, null, null, null, true]);
    expect(issues.map(({ rule, value }) => [rule, value])).to.deep.equal([
      ['status.unknown', 'Condicional'],
      ['status.unknown', 'Becado'],
    ]);
    expect(issues[0]).to.include({ severity: 'warning', column: 'estado' });
    expect(issues[0]?.problem).to.match(
      /estado "Condicional" is not known \(3 rows have it, the first on line 2\)/,
    );
    expect(issues[0]?.hint).to.contain('config.states: {"Condicional": "ACTIVE"}');
    const told = await readCsv(text, 'students', { states: { CONDICIONAL: 'ACTIVE', becado: 'INACTIVE' } });
    expect(told.issues).to.deep.equal([]);
    expect(told.records.map(({ active }) => active)).to.deep.equal([true, true, true, false, true]);
  });

  it('take no word for another state that it only resembles: "N/A" and "NA" are no "no"', async () => {
    const states = ['N/A', 'n/a', 'NA', 'S/N', 'No', 'Sí', 'Inactivas', 'Retirada/o', 'Egresado (a)'];
    const rows = states.map((state, n) => `${n},Ana,Soto,${state}`);
    const { records } = await readCsv(`${HEAD},estado\n${rows.join('\n')}\n`);
    const expected = [null, null, null, null, false, true, false, false, false];
    expect(records.map(({ active }) => active)).to.deep.equal(expected);
  });

  it('ask once when a column for the state has values without end', async () => {
    const rows = Array.from({ length: 500 }, (_, n) => `${n},Ana,Soto,nota ${n}`);
    const { issues } = await readCsv(`${HEAD},situacion\n${rows.join('\n')}\n`);
    expect(issues).to.have.length(1);
    expect(issues[0]?.problem).to.match(/situacion has 500 values that are not known \(500 rows have one/);
  });

  it('pass over a header that comes once more between two lists, with a warning', async () => {
    for (const kind of ['students', 'memberships'] as const) {
      const [head, ...rows] =
        kind === 'students'
          ? ['id,nombres,curso', '1,Ana,1A', '2,Luz,1B']
          : ['grupo_id,persona_id', 'G1,1', 'G2,2'];
      const { records, issues } = await readCsv([head, rows[0], head, rows[1]].join('\n'), kind);
      expect(records).to.have.length(2);
      expect(issues.map(({ rule, severity, line }) => [rule, severity, line])).to.deep.equal([
        ['row.header', 'warning', 3],
      ]);
    }
  });

  it('know the states of Chilean exports, in each gender and way of writing', async () => {
    const states: Record<string, boolean> = {
      Matriculado: true,
      matriculada: true,
      'Matriculado(a)': true,
      REGULAR: true,
      'Alumno Regular': true,
      Vigente: true,
      Sí: true,
      Trasladado: false,
      'Trasladada ': false,
      Retirada: false,
      'Retirado/a': false,
      Egresado: false,
      Egresada: false,
      Suspendido: false,
      'No vigente': false,
      'Dado de baja': false,
      Licenciado: false,
    };
    const rows = Object.keys(states).map((state, n) => `${n},Ana,Soto,${state}`);
    const { records, issues } = await readCsv(`${HEAD},Situación\n${rows.join('\n')}\n`);
    expect(issues).to.deep.equal([]);
    expect(records.map(({ active }) => active)).to.deep.equal(Object.values(states));
  });

  it('keep of the columns that nobody knows only those that the settings name', async () => {
    const text = `N° Lista;id;nombres;Teléfono;Apoderado\n1;1;Ana;99;Luz\n`;
    const keep = async (config: object) => (await readCsv(text, 'students', config)).records[0]?.metadata;
    expect(await keep({})).to.equal(undefined);
    expect({ ...((await keep({ metadata: ['telefono'] })) as object) }).to.deep.equal({ Teléfono: '99' });
    expect(Object.keys((await keep({ metadata: '*' })) as object)).to.have.length(3);
  });

  const zip = (...names: string[]) =>
    Buffer.from(`PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0${names.join('\0')}\0\0`, 'latin1');
  const page = (body: string) =>
    `<!DOCTYPE html>\n<html lang="es"><head><title>x</title></head><body>${body}</body></html>`;
  for (const [what, bytes, sentence] of [
    [
      'an Excel workbook',
      zip('[Content_Types].xml', 'xl/workbook.xml'),
      /an Excel workbook \(\.xlsx\).*save it as "CSV UTF-8"/,
    ],
    [
      'a spreadsheet of LibreOffice',
      zip('mimetypeapplication/vnd.oasis.opendocument.spreadsheet'),
      /LibreOffice/,
    ],
    ['a packed folder', zip('students.csv'), /\.zip.*Unpack/],
    [
      'an old Excel workbook',
      Buffer.from(`d0cf11e0a1b11ae1${'00'.repeat(600)}`, 'hex'),
      /old Excel workbook \(\.xls\).*save it as/,
    ],
    ['a packed file under a plain name', gzipSync(FEW), /packed by gzip.*\.csv\.gz/],
    ['a PDF', Buffer.from('%PDF-1.7\n%\xe2\xe3\n1 0 obj', 'latin1'), /a PDF.*Export/],
    ['a login page', page('<form><input type="password" name="p"></form>'), /asks for a password.*log in/],
    ['a web page with a table', page('<table><tr><td>id</td></tr></table>'), /a web page.*spreadsheet/],
    ['a table that a system calls .xls', '<table border=1><tr><th>id</th></tr></table>', /a web page/],
    [
      'a workbook written as XML',
      '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook/>',
      /Excel workbook written as XML/,
    ],
    ['XML', '<?xml version="1.0"?><alumnos/>', /XML/],
    ['JSON', '[{"id": 1, "nombres": "Ana"}]', /JSON/],
    ['a refusal in JSON', '{"error": "token expired"}', /JSON/],
    ['a picture', Buffer.from('89504e470d0a1a0a0000000d49484452'.repeat(100), 'hex'), /no text file|no CSV/],
  ] as const) {
    it(`name ${what} that is called students.csv, and what to do about it`, async () => {
      const error = await readCsv(bytes as Buffer).catch((thrown: Error) => thrown);
      expect(error)
        .to.be.an('error')
        .with.property('message')
        .that.matches(/^students\.csv is no/)
        .and.matches(sentence);
      expect((error as Error).message).not.to.contain('\0');
    });
  }

  it('have their header found below a title, with a warning that says what was passed over', async () => {
    const title = 'Colegio San Martín;;;\r\n"Nómina de alumnos\r\n2026";;;\r\n\r\n';
    const text = `${title}RUN;Nombres;Apellidos;Curso\r\n11111112-K;Ana;Soto;1A\r\n`;
    const { records, issues } = await readCsv(text);
    expect(records).to.have.length(1);
    expect(records[0]).to.include({ externalId: '11111112-K', givenName: 'Ana', line: 6 });
    expect(issues.map(({ rule, severity }) => [rule, severity])).to.deep.equal([['file.titles', 'warning']]);
    expect(issues[0]?.problem).to.match(
      /the header is on line 5; above it 2 rows were passed over: "Colegio San Martín/,
    );
    const config = { columns: { students: { givenName: 'Alumno' } } };
    const named = await readCsv('Lista, 2026\nid,Alumno\n1,Ana\n', 'students', config);
    expect(named.records[0]).to.include({ givenName: 'Ana', line: 3 });
    expect(named.issues).to.have.length(1);
  });
});
