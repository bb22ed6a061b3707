/** Help texts: the overview fits one screen, each command has its own page with examples. */
import type { Argument, Command, CommandEntry, OptionSpec } from './command.ts'

const column = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}

export const overview = (commands: readonly CommandEntry[]): string =>
  `gradmesh COMMAND [OPTIONS]: train one model on many machines, without a server

${column(lines(commands))}

With every command: --help its own page, --json the answer as JSON. --version
Exit codes: 0 done, 1 failed or a check did not hold, 2 wrong command line,
3 no peer answers, 130 interrupted. GRADMESH_DEBUG=1 adds stack traces.`

const lines = (commands: readonly CommandEntry[]): (readonly [string, string])[] => {
  const rows: { names: string[]; text: string; group: string | undefined }[] = []
  for (const { name, summary, group } of commands) {
    const last = rows.at(-1)
    if (group !== undefined && last?.group === group) last.names.push(name)
    else rows.push({ names: [name], text: group ?? summary, group })
  }
  return rows.map(({ names, text }) => [names.join(', '), text])
}

export const commandHelp = (
  summary: string,
  { name, about, args = [], options, examples }: Command
): string => {
  const words = args.map(wordOf)
  const parts = [`gradmesh ${name}: ${summary}`, `Usage: gradmesh ${[name, ...words, '[OPTIONS]'].join(' ')}`]
  if (about !== undefined) parts.push(about)
  const rows = Object.entries(options).map(([option, spec]) => [left(option, spec), right(spec)] as const)
  parts.push(`Options:\n${column(rows)}`)
  parts.push(`Examples:\n${examples.map(example => `  ${example}`).join('\n')}`)
  return parts.join('\n\n')
}

/** How an argument stands in a usage line. */
export const wordOf = ({ name, required, many = false }: Argument): string => {
  const word = many ? `${name}...` : name
  return required ? word : `[${word}]`
}

const left = (name: string, { value, short }: OptionSpec): string =>
  `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`

const right = ({ help, env, default: standard }: OptionSpec): string => {
  const extra = [...(standard === undefined ? [] : [standard]), ...(env === undefined ? [] : [`or ${env}`])]
  return extra.length === 0 ? help : `${help} (${extra.join(', ')})`
}
