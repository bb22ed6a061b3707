/**
 * What `npm run e2e:…` commands share: `--help`, `--json` with one object last, a reason where a machine lacks
 * what the scenario needs, and exit codes: 0 well or skipped, 1 a check failed, 2 a wrong argument.
 */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'

/** Where a scenario tells what it sees: a test asserts it, a command prints it. */
export interface Teller {
  check(ok: boolean, what: string): void
  say(what: string): void
}

export interface ScenarioCommand<Figures extends object> {
  readonly help: string
  /** `--help` and `--json` are there already. */
  readonly options: ParseArgsOptionsConfig
  /** Why it cannot run on this machine; null where it can. */
  readonly lacks: () => Promise<string | null>
  /** Reads the arguments, before anything starts; throws `WrongArgument`. */
  readonly prepare: (values: Values) => (tell: Teller) => Promise<Figures>
}

export type Values = Readonly<Record<string, string | boolean | undefined>>

export class WrongArgument extends Error {}

export const runCommand = async <Figures extends object>(
  command: ScenarioCommand<Figures>
): Promise<void> => {
  process.exitCode = await perform(command, process.argv.slice(2))
}

const perform = async <Figures extends object>(
  command: ScenarioCommand<Figures>,
  words: readonly string[]
): Promise<number> => {
  let values: Values
  let run: (tell: Teller) => Promise<Figures>
  try {
    values = read(command.options, words)
    if (values.help === true) {
      console.log(command.help)
      return 0
    }
    run = command.prepare(values)
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${command.help}`)
    return 2
  }
  const report = (outcome: { skipped: boolean; ok: boolean; reason: string | null }, figures?: Figures) => {
    if (values.json === true) console.log(JSON.stringify({ ...outcome, ...figures }))
  }
  const lack = await command.lacks()
  if (lack !== null) {
    console.error(`skipped: ${lack}`)
    report({ skipped: true, ok: true, reason: lack })
    return 0
  }
  let failed = 0
  try {
    const figures = await run({
      check(ok, what) {
        if (!ok) failed++
        console.error(`${ok ? 'ok     ' : 'not ok '} ${what}`)
      },
      say: what => console.error(`        ${what}`)
    })
    report({ skipped: false, ok: failed === 0, reason: null }, figures)
  } catch (error) {
    failed++
    console.error(`not ok  ${messageOf(error)}`)
    report({ skipped: false, ok: false, reason: messageOf(error) })
  }
  return failed === 0 ? 0 : 1
}

const read = (options: ParseArgsOptionsConfig, args: readonly string[]): Values =>
  parseArgs({
    args: [...args],
    options: {
      ...options,
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false }
    }
  }).values as Values

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
