import type { Command } from 'commander';
import { add } from './command.js';

const load = () => import('../commands/mappings.js');

/** The map of SmartID's ids and the school's. */
export function mappings(root: Command): void {
  const group = root.command('mappings').description("the map of SmartID's ids and the school's");
  add(group, 'list <id>', {
    does: 'lists the map',
    example: 'smartid mappings list ID --entity STUDENT',
    run: async () => (await load()).listMappings,
  }).option('--entity <type>', 'COURSE, TEACHER, GROUP or STUDENT', 'STUDENT');
  add(group, 'find <id> <entity>', {
    does: 'finds one, by either id',
    example: 'smartid mappings find ID STUDENT --external E1001',
    run: async () => (await load()).findMapping,
  })
    .option('--external <externalId>', "the school's id")
    .option('--internal <internalId>', "SmartID's id");
  add(group, 'history <id> <entity>', {
    does: 'lists whom an id stood for, or which ids somebody had',
    example: 'smartid mappings history ID STUDENT --external E1001',
    run: async () => (await load()).mappingHistory,
  })
    .option('--external <externalId>', "the school's id")
    .option('--internal <internalId>', "SmartID's id");
  add(group, 'rekey <id> <entity>', {
    does: "gives somebody another id of the school's",
    example: 'smartid mappings rekey ID STUDENT --from E1001 --to 2027-1 --reason renumbered',
    run: async () => (await load()).rekeyMapping,
  })
    .requiredOption('--from <externalId>', "the school's id as it is")
    .requiredOption('--to <externalId>', "the school's id as it is from now on")
    .option('--reason <text>', 'why')
    .option('--yes', 'do not ask');
  add(group, 'merge <id> <entity>', {
    does: 'makes two people of SmartID one',
    example: 'smartid mappings merge ID STUDENT --keep PERSON --drop PERSON --reason "the same"',
    run: async () => (await load()).mergeMappings,
  })
    .requiredOption('--keep <internalId>', 'who stays')
    .requiredOption('--drop <internalId>', 'who becomes the other')
    .option('--keep-external <externalId>', 'the id that counts, where both have one')
    .option('--reason <text>', 'why')
    .option('--yes', 'do not ask');
  add(group, 'unlink <id> <entity>', {
    does: 'forgets whom an id stands for; the next sync decides anew',
    example: 'smartid mappings unlink ID STUDENT --external E1001 --reason "somebody else"',
    run: async () => (await load()).unlinkMapping,
  })
    .requiredOption('--external <externalId>', "the school's id")
    .option('--reason <text>', 'why')
    .option('--yes', 'do not ask');
}
