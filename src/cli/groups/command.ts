import { Argument, type Command } from 'commander';
import { UsageError } from '../exit-codes.js';
import type { GlobalOptions, Session } from '../session.js';

/** What a command does; returns the exit code. Written as a method, so that each may name its own options. */
type Action = { does(session: Session, args: string[], options: object): Promise<number> }['does'];

export interface CommandSpec {
  does: string;
  example: string;
  /** Loaded when the command runs, so that `--help` is quick. */
  run: () => Promise<Action>;
}

/** Adds a command that calls the service. */
export function add(parent: Command, usage: string, { does, example, run }: CommandSpec): Command {
  return described(parent, usage, does, example).action(async (...given: unknown[]) => {
    const command = given.at(-1) as Command;
    const options = command.optsWithGlobals<GlobalOptions>();
    refuseEmptyIds(command);
    const [{ connect }, action] = await Promise.all([import('../session.js'), run()]);
    const session = await connect(options);
    try {
      process.exitCode = await action(session, command.args, options);
    } catch (error) {
      const { report } = await import('../report-error.js');
      process.exitCode = await report(error, session.baseUrl);
    }
  });
}

/**
 * A variable of a shell that is not set gives an empty id, which must not mean all there are. Throws `UsageError`.
 */
function refuseEmptyIds(command: Command): void {
  const empty = [
    ...command.registeredArguments
      .filter((argument, nth) => !argument.variadic && command.args[nth]?.trim() === '')
      .map((argument) => argument.name()),
    ...command.options
      .filter((option) => /<(id|\w+Id|person)>/.test(option.flags))
      .filter((option) => String(command.getOptionValue(option.attributeName()) ?? '-').trim() === '')
      .map((option) => option.long),
  ];
  if (empty.length > 0) throw new UsageError(`${empty.join(' and ')} must not be empty.`);
}

/** A command with its description and an example; what each argument is stands in `ARGUMENTS`. */
export function described(parent: Command, usage: string, does: string, example: string): Command {
  const [name = '', ...args] = usage.split(' ');
  const command = parent.command(name).description(does).addHelpText('after', `\nExample:\n  $ ${example}`);
  for (const arg of args)
    command.addArgument(new Argument(arg, ARGUMENTS[arg.replace(/[^a-zA-Z]/g, '')] ?? ''));
  return command;
}

/** Gathers the values of an option that may be given again. */
export const collect = (value: string, all: string[] = []) => [...all, value];

const ARGUMENTS: Record<string, string> = {
  id: 'id of the integration',
  file: 'CSV files or workbooks',
  runId: 'id of the run',
  institution: 'id of the institution',
  conflict: 'id of the conflict',
  entity: 'COURSE, TEACHER, GROUP or STUDENT',
  session: 'id of the class session',
  person: 'id of the person in SmartID',
  words: 'each begins a name, an e-mail, a national id or a code, or a part of one',
};
