import { Argument, type Command } from 'commander';
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
    const [{ connect }, action] = await Promise.all([import('../session.js'), run()]);
    process.exitCode = await action(await connect(options), command.args, options);
  });
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
