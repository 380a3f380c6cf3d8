import type { Command } from 'commander';
import { EXIT } from '../exit-codes.js';

/** Writes a script that completes commands and options in bash, zsh or fish. */
export function completion(root: Command, shell: string): number {
  const places = placesBelow(root);
  const forZsh = 'autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n';
  if (shell === 'fish') process.stdout.write(fish(places));
  else process.stdout.write(`${shell === 'zsh' ? forZsh : ''}${bash(places)}`);
  return EXIT.done;
}

interface Place {
  /** The commands that lead here: [], ['plan'], ['plan', 'show']. */
  path: string[];
  commands: { name: string; does: string }[];
  options: { name: string; does: string }[];
}

function placesBelow(command: Command, path: string[] = [], inherited: Place['options'] = []): Place[] {
  const options = [
    ...command.options.flatMap(({ long, description }) => (long ? [{ name: long, does: description }] : [])),
    ...inherited,
  ];
  const commands = [
    ...command.commands.map((each) => ({ name: each.name(), does: each.description() })),
    ...command.registeredArguments.flatMap(({ argChoices = [], description }) =>
      argChoices.map((name) => ({ name, does: description })),
    ),
  ];
  return [
    { path, commands, options: [...options, { name: '--help', does: 'display help' }] },
    ...command.commands.flatMap((each) => placesBelow(each, [...path, each.name()], options)),
  ];
}

function bash(places: readonly Place[]): string {
  const steps = places.filter(({ path }) => path.length > 0).map(({ path }) => `"${path.join(' ')}"`);
  const cases = places.map(({ path, commands, options }) => {
    const words = [...commands, ...options].map(({ name }) => name).join(' ');
    return `    "${path.join(' ')}") words="${words}" ;;`;
  });
  return `_smartid() {
  local path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    word="\${path:+$path }$word"
    case "$word" in
      ${steps.join('|')}) path="$word" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _smartid smartid
`;
}

function fish(places: readonly Place[]): string {
  const quoted = (text: string) => `'${text.replace(/['\\]/g, '\\$&')}'`;
  const lines = places.flatMap(({ path, commands, options }) => {
    const inside = path.map((name) => `__fish_seen_subcommand_from ${name}`);
    const outside =
      commands.length > 0
        ? [`not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(' ')}`]
        : [];
    const when = quoted([...inside, ...outside].join('; and ') || 'true');
    return [
      ...commands.map(({ name, does }) => `complete -c smartid -f -n ${when} -a ${name} -d ${quoted(does)}`),
      ...options.map(
        ({ name, does }) => `complete -c smartid -n ${when} -l ${name.slice(2)} -d ${quoted(does)}`,
      ),
    ];
  });
  return `${lines.join('\n')}\n`;
}
