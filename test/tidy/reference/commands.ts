/** docs/reference/commands.md: every command of the table with its arguments, options and examples. */
import { type Command, commands, EXIT, type OptionSpec, wordOf } from '@gradmesh/cli'
import { code, MADE, page, table } from './markdown.ts'

const HEAD = `# Commands

\`gradmesh COMMAND [OPTIONS]\`, or \`npx gradmesh\` in a checkout. Every command takes \`--json\` (the answer as JSON on
standard output) and \`--help\`; \`gradmesh --version\` tells the version. An option is the flag, else its environment
variable, else the default. ${MADE}`

const EXITS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done, and what was checked holds',
  failed: 'the operation failed, or a check did not hold',
  usage: 'the command line is wrong: nothing was done',
  unreachable: 'no peer answers where one was expected',
  interrupted: 'stopped by a signal before the end'
}

export const commandsPage = async (): Promise<string> => {
  const sections: string[] = []
  for (const { summary, load } of commands) sections.push(section(summary, await load()))
  const overview = commands.map(({ name, summary }) => [`[${code(name)}](#gradmesh-${name})`, summary])
  const exits = Object.entries(EXIT).map(([name, value]) => [String(value), EXITS[name as keyof typeof EXIT]])
  return page(HEAD, table(['command', ''], overview), table(['exit code', ''], exits), ...sections)
}

const section = (summary: string, { name, about, args = [], options, examples }: Command): string => {
  const words = args.map(wordOf)
  const rows = Object.entries(options).map(([option, spec]) => row(option, spec))
  return [
    `## gradmesh ${name}`,
    `${sentence(summary)}${about === undefined ? '' : ` ${about}`}`,
    code(['gradmesh', name, ...words, '[OPTIONS]'].join(' ')),
    table(['option', 'meaning', 'default', 'environment'], rows),
    `Examples: ${examples.map(code).join(', ')}`
  ].join('\n\n')
}

const row = (name: string, { value, short, help, default: standard, env }: OptionSpec): string[] => [
  `${short === undefined ? '' : `${code(`-${short}`)}, `}${code(`--${name}${value === undefined ? '' : ` ${value}`}`)}`,
  help,
  code(standard ?? ''),
  code(env ?? '')
]

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
