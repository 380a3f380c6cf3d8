import { expect } from 'chai';
import { type Blackout, nextTimes, readCalendar } from '../../src/schedules/index.js';

const SANTIAGO = 'America/Santiago';

/** The next times of a pattern in Santiago, as the clocks there show them. */
function times(
  cron: string,
  after: string,
  count: number,
  { blackouts = [], pausedUntil = null }: { blackouts?: Blackout[]; pausedUntil?: Date | null } = {},
): string[] {
  const found = nextTimes({ cron, timeZone: SANTIAGO, blackouts, pausedUntil }, new Date(after), count);
  return found.map((time) => time.toLocaleString('sv-SE', { timeZone: SANTIAGO }).slice(0, 16));
}

describe('the times of a schedule', () => {
  // In 2026 the clocks of Santiago go back at the end of the 4th of April, and forward at that of the 5th of September.
  const CASES: [string, string, string, string[]][] = [
    [
      '02:30 comes once when the clocks go back',
      '30 2 * * *',
      '2026-04-04T12:00:00Z',
      ['2026-04-05 02:30', '2026-04-06 02:30'],
    ],
    [
      '02:30 comes once when the clocks go forward',
      '30 2 * * *',
      '2026-09-05T12:00:00Z',
      ['2026-09-06 02:30', '2026-09-07 02:30'],
    ],
    [
      'an hour that comes twice counts once',
      '30 23 * * *',
      '2026-04-04T12:00:00Z',
      ['2026-04-04 23:30', '2026-04-05 23:30'],
    ],
    [
      'also for who looks between the two',
      '30 23 * * *',
      '2026-04-05T02:45:00Z',
      ['2026-04-05 23:30', '2026-04-06 23:30'],
    ],
    [
      'an hour that is skipped is made up for once',
      '30 0 * * *',
      '2026-09-05T12:00:00Z',
      ['2026-09-06 01:00', '2026-09-07 00:30'],
    ],
    [
      'an hour that comes twice counts once, also for a pattern of several hours',
      '30 11,23 * * *',
      '2026-04-04T16:00:00Z',
      ['2026-04-04 23:30', '2026-04-05 11:30'],
    ],
    [
      'an hour that is skipped is made up for, also for a pattern of several hours',
      '0 0,12 * * *',
      '2026-09-05T17:00:00Z',
      ['2026-09-06 01:00', '2026-09-06 12:00'],
    ],
    [
      'what is skipped is made up for together',
      '*/20 0 * * *',
      '2026-09-05T12:00:00Z',
      ['2026-09-06 01:00', '2026-09-07 00:00'],
    ],
    [
      'what is made up for comes once together with what is due then',
      '0 0,1 * * *',
      '2026-09-05T12:00:00Z',
      ['2026-09-06 01:00', '2026-09-07 00:00'],
    ],
    [
      'each hour goes by the hours that pass when one is skipped',
      '30 * * * *',
      '2026-09-06T03:00:00Z',
      ['2026-09-05 23:30', '2026-09-06 01:30'],
    ],
    [
      'and when one comes twice',
      '30 * * * *',
      '2026-04-05T02:00:00Z',
      ['2026-04-04 23:30', '2026-04-04 23:30'],
    ],
  ];
  for (const [title, cron, after, expected] of CASES)
    it(title, () => expect(times(cron, after, 2)).to.deep.equal(expected));

  it('come once for each time that the clocks show, whatever the zone and the pattern', () => {
    const QUARTER_MS = 15 * 60_000;
    // Lord Howe goes by half an hour, and Troll by two.
    for (const timeZone of [SANTIAGO, 'Europe/London', 'Australia/Lord_Howe', 'Antarctica/Troll'])
      for (const [begin, end] of [
        ['2026-03-25', '2026-04-10'],
        ['2026-09-01', '2026-10-30'],
      ] as const) {
        const format = new Intl.DateTimeFormat('sv-SE', {
          timeZone,
          dateStyle: 'short',
          timeStyle: 'medium',
        });
        const quarters: { instant: number; wall: number }[] = [];
        for (let instant = Date.parse(begin); instant < Date.parse(end); instant += QUARTER_MS)
          quarters.push({ instant, wall: Date.parse(`${format.format(instant).replace(' ', 'T')}Z`) });
        for (const [cron, isMeant] of [
          ['15 0-4 * * *', /T0[0-4]:15/],
          ['*/30 1,2,23 * * *', /T(01|02|23):[03]0/],
        ] as const) {
          const expected: string[] = [];
          let latest = (quarters[0]?.wall ?? 0) - QUARTER_MS;
          for (const { instant, wall } of quarters) {
            // Each quarter that the clocks passed or skipped to come here; none where they show it again.
            let isDue = false;
            for (let time = latest + QUARTER_MS; time <= wall; time += QUARTER_MS)
              isDue ||= isMeant.test(new Date(time).toISOString());
            if (isDue) expected.push(new Date(instant).toISOString());
            latest = Math.max(latest, wall);
          }
          const timing = { cron, timeZone, blackouts: [], pausedUntil: null };
          const found = nextTimes(timing, new Date(Date.parse(begin) - 1), expected.length);
          expect(found.map((time) => time.toISOString())).to.deep.equal(expected);
        }
      }
  });

  it('leave out the days of a blackout, the first and the last included, as the school’s calendar has them', () => {
    const blackouts = [{ name: 'Fiestas Patrias', from: '2026-09-18', to: '2026-09-19' }];
    expect(times('30 23 * * *', '2026-09-17T12:00:00Z', 2, { blackouts })).to.deep.equal([
      '2026-09-17 23:30',
      '2026-09-20 23:30',
    ]);
  });

  it('leave out what is between two moments, the second one excluded', () => {
    const blackouts = [
      { name: 'Prueba', from: '2026-05-04T08:00:00-04:00', to: '2026-05-04T10:00:00-04:00' },
    ];
    expect(times('0 * * * *', '2026-05-04T10:30:00Z', 3, { blackouts })).to.deep.equal([
      '2026-05-04 07:00',
      '2026-05-04 10:00',
      '2026-05-04 11:00',
    ]);
  });

  it('are found behind a blackout of two months, also of a schedule for each minute', () => {
    const blackouts = [{ name: 'Verano', from: '2026-12-19', to: '2027-02-28' }];
    expect(times('* * * * *', '2026-12-19T12:00:00Z', 1, { blackouts })).to.deep.equal(['2027-03-01 00:00']);
  });

  it('are found behind a thousand blackouts of a day each, of whatever zone', () => {
    const start = Date.UTC(2026, 0, 1);
    const day = (n: number) => new Date(start + n * 86_400_000).toISOString().slice(0, 10);
    const blackouts = Array.from({ length: 1_000 }, (_, n) => ({ name: 'x', from: day(n), to: day(n) }));
    for (const timeZone of ['America/Santiago', 'Asia/Kathmandu', 'Pacific/Apia', 'UTC']) {
      const timing = { cron: '* * * * *', timeZone, blackouts, pausedUntil: null };
      const [next] = nextTimes(timing, new Date(start + 86_400_000), 1);
      // The first minute of the day after the last one.
      const before = new Date((next as Date).getTime() - 60_000);
      const dayOf = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' });
      expect([dayOf.format(before), dayOf.format(next)]).to.deep.equal([day(999), day(1_000)]);
    }
  });

  it('are none where all are blacked out for good', () => {
    const blackouts = [{ name: 'Cierre', from: '2026-01-01', to: '2099-12-31' }];
    expect(times('30 2 * * *', '2026-05-01T12:00:00Z', 1, { blackouts })).to.deep.equal([]);
  });

  it('begin when the pause ends, that very moment included', () => {
    const pausedUntil = new Date('2026-05-10T06:30:00Z');
    expect(times('30 2 * * *', '2026-05-01T12:00:00Z', 1, { pausedUntil })).to.deep.equal([
      '2026-05-10 02:30',
    ]);
  });
});

describe('a calendar', () => {
  const now = new Date('2026-03-01T12:00:00Z');
  const calendar = (...events: string[]) =>
    ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:x', ...events, 'END:VCALENDAR', ''].join('\r\n');
  const event = (...lines: string[]) =>
    [
      'BEGIN:VEVENT',
      `UID:${lines.join()}`.slice(0, 60),
      'DTSTAMP:20260101T000000Z',
      ...lines,
      'END:VEVENT',
    ].join('\r\n');

  it('gives its holidays as days, and what has hours as from one moment to another', async () => {
    const text = calendar(
      event('SUMMARY:Fiestas Patrias', 'DTSTART;VALUE=DATE:20260918', 'DTEND;VALUE=DATE:20260920'),
      event('SUMMARY:Un día', 'DTSTART;VALUE=DATE:20260521'),
      event('SUMMARY:Prueba', 'DTSTART:20260504T120000Z', 'DTEND:20260504T140000Z'),
      event('SUMMARY:Pasado', 'DTSTART;VALUE=DATE:20250918', 'DTEND;VALUE=DATE:20250920'),
      event('SUMMARY:Nada', 'STATUS:CANCELLED', 'DTSTART;VALUE=DATE:20260918'),
    );
    expect(await readCalendar(text, { now, timeZone: SANTIAGO })).to.deep.equal([
      { name: 'Prueba', from: '2026-05-04T12:00:00.000Z', to: '2026-05-04T14:00:00.000Z' },
      { name: 'Un día', from: '2026-05-21', to: '2026-05-21' },
      { name: 'Fiestas Patrias', from: '2026-09-18', to: '2026-09-19' },
    ]);
  });

  it('has what repeats for three years, without the times that were taken out', async () => {
    const text = calendar(
      event('SUMMARY:Año', 'DTSTART;VALUE=DATE:20200521', 'RRULE:FREQ=YEARLY', 'EXDATE;VALUE=DATE:20270521'),
    );
    expect((await readCalendar(text, { now, timeZone: SANTIAGO })).map(({ from }) => from)).to.deep.equal([
      '2026-05-21',
      '2028-05-21',
    ]);
  });

  it('whose event repeats for ever each second is read to a bound', async () => {
    const text = calendar(
      event('SUMMARY:x', 'DTSTART:20260301T120000Z', 'DURATION:PT1S', 'RRULE:FREQ=SECONDLY'),
    );
    expect(await readCalendar(text, { now, timeZone: SANTIAGO })).to.have.length.most(1_001);
  });

  it('has times without a zone be those of the school, and knows zones that it names alone', async () => {
    for (const [zone, from] of [
      ['', '2026-05-04T12:00:00.000Z'],
      [';TZID=America/Punta_Arenas', '2026-05-04T11:00:00.000Z'],
    ] as const) {
      const text = calendar(
        event('SUMMARY:Prueba', `DTSTART${zone}:20260504T080000`, `DTEND${zone}:20260504T100000`),
      );
      const [blackout] = await readCalendar(text, { now, timeZone: SANTIAGO });
      expect(blackout?.from).to.equal(from);
    }
  });

  it('that names a zone nobody knows is refused, and the zone named', async () => {
    const text = calendar(event('DTSTART;TZID="Pacific SA Standard Time":20260504T080000', 'DURATION:PT1H'));
    const error = await readCalendar(text, { now, timeZone: SANTIAGO }).catch((thrown: unknown) => thrown);
    expect(error).to.have.property('code', 'invalid_argument');
    expect(String(error)).to.contain('Pacific SA Standard Time');
  });

  it('has an event without an end leave out nothing, and one that ends before it begins refused by its name', async () => {
    expect(
      await readCalendar(calendar(event('DTSTART:20260504T080000Z')), { now, timeZone: SANTIAGO }),
    ).to.deep.equal([]);
    const text = calendar(event('SUMMARY:Al revés', 'DTSTART:20260504T080000Z', 'DTEND:20260504T070000Z'));
    const error = await readCalendar(text, { now, timeZone: SANTIAGO }).catch((thrown: unknown) => thrown);
    expect(String(error)).to.match(/"Al revés".*ends before it begins/);
  });

  for (const [what, rule, begins] of [
    ['by a rule that never comes true', 'FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30', '20260101T000000Z'],
    ['every second since long ago', 'FREQ=SECONDLY', '19700101T000000Z'],
  ])
    it(`whose event repeats ${what} is refused, while others are served`, async () => {
      let turns = 0;
      const timer = setInterval(() => {
        turns += 1;
      }, 5);
      const text = calendar(event('SUMMARY:x', `DTSTART:${begins}`, 'DURATION:PT1S', `RRULE:${rule}`));
      const error = await readCalendar(text, { now, timeZone: SANTIAGO, mostMs: 1_000 }).catch(
        (thrown: unknown) => thrown,
      );
      clearInterval(timer);
      expect(error).to.have.property('code', 'invalid_argument');
      expect(JSON.stringify(error)).to.match(/repeats too often/);
      expect(turns).to.be.above(1);
    });

  for (const [what, text] of [
    ['nothing', ''],
    ['a page', '<html>'],
    ['an event alone', 'BEGIN:VEVENT\r\nEND:VEVENT'],
    ['one that is cut off', 'BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n'],
    ['one with a time that is none', calendar(event('DTSTART:hello'))],
    ['one without a time', calendar(event('SUMMARY:x'))],
    ['one with a zone without a name', calendar('BEGIN:VTIMEZONE\r\nEND:VTIMEZONE')],
  ] as const)
    it(`that is ${what} is refused, or has no events`, async () => {
      try {
        expect(await readCalendar(text, { now, timeZone: SANTIAGO })).to.deep.equal([]);
      } catch (error) {
        expect(error).to.have.property('code', 'invalid_argument');
      }
    });
});
