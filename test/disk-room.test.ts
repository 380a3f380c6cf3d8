import { expect } from 'chai';
import { lackOfRoom } from '../src/disk-room.js';
import { tempFolder } from './support/temp-folder.js';

describe('the room on a disk', () => {
  it('that is too little is a sentence without a path', async () => {
    const folder = await tempFolder();
    expect(await lackOfRoom('DATA_DIR', folder, 0)).to.equal(undefined);
    const said = await lackOfRoom('DATA_DIR', folder, 2 ** 60);
    expect(said).to.match(/^The disk of DATA_DIR has \d+ MiB left; the service needs \d+ MiB\.$/);
    expect(await lackOfRoom('DATA_DIR', `${folder}/none`, 2 ** 60)).to.equal(undefined);
  });
});
