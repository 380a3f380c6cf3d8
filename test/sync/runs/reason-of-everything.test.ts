import { expect } from 'chai';
import { newSchool, sharedServices } from '../../support/services.js';

/** A list of teachers of which one row is not right. */
const TEACHERS = 'id,nombres\nT1,Eva\nT1,Luz\n';
const students = (most: number) =>
  `id,nombres\n${Array.from({ length: most }, (_, nth) => `S${nth},Ana${nth}\n`).join('')}`;

/** The school, its first sync done. */
async function school() {
  const { integrationService } = await sharedServices();
  const made = await newSchool({ 'teachers.csv': TEACHERS, 'students.csv': students(12) });
  const { integrationId } = made;
  await integrationService.syncData(integrationId);
  const syncAgain = async () => {
    const report = await integrationService.syncData(integrationId);
    const { error, status } = await integrationService.getSyncRun(integrationId, report.runId);
    const { lastError } = await integrationService.getIntegration(integrationId);
    return { status, error, lastError, errors: report.errors };
  };
  return { ...made, syncAgain };
}

describe('the reason of a run of everything', () => {
  it('that is held is that of the part that waits, and no row of another part', async () => {
    const { write, syncAgain } = await school();
    await write({ 'students.csv': students(1) });
    const { status, error, errors } = await syncAgain();
    expect(status).to.equal('HELD');
    expect(error).to.match(/^Held: 11 of 12 /);
    expect(errors[0]).to.equal(error);
    expect(errors.join()).to.contain('teachers.csv line 3');
  });

  it('that failed is that of the part that failed, and no row of another part', async () => {
    const { write, syncAgain } = await school();
    await write({ 'students.csv': 'id,nombres\nS1,"Ana\n' });
    const { status, error, lastError } = await syncAgain();
    expect(status).to.equal('FAILED');
    expect(error).to.contain('students.csv ends inside a quotation');
    expect(lastError).to.equal(error);
  });
});
