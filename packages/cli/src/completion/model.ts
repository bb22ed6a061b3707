/** What can be completed, read from the table of commands. */
import { COMMON } from '../arguments.ts'
import type { Command, CommandEntry, OptionSpec } from '../command.ts'

export type Takes = 'nothing' | 'file' | 'folder' | 'text'

export interface CompletedOption {
  readonly name: string
  readonly short: string | undefined
  readonly help: string
  readonly takes: Takes
  readonly value: string
  readonly choices: readonly string[]
}

export interface CompletedCommand {
  readonly name: string
  readonly summary: string
  readonly options: readonly CompletedOption[]
  /** Words that stand in the place of the first argument. */
  readonly words: readonly string[]
  readonly takesFile: boolean
}

export const completedCommands = async (
  entries: readonly CommandEntry[]
): Promise<readonly CompletedCommand[]> =>
  Promise.all(entries.map(async entry => completedOf(entry.summary, await entry.load())))

const completedOf = (summary: string, { name, args = [], options }: Command): CompletedCommand => ({
  name,
  summary,
  options: Object.entries({ ...options, ...COMMON }).map(([option, spec]) => optionOf(option, spec)),
  // An argument that is one of a few words is named by them: `encrypt|decrypt|show`.
  words: args[0]?.name.includes('|') === true ? args[0].name.split('|') : [],
  takesFile: args.some(arg => /FILE|PATH/.test(arg.name))
})

const optionOf = (
  name: string,
  { type, short, help, value = '', choices = [] }: OptionSpec
): CompletedOption => ({
  name,
  short,
  help,
  value,
  choices,
  takes: type === 'boolean' ? 'nothing' : value === 'FILE' ? 'file' : value === 'DIR' ? 'folder' : 'text'
})
