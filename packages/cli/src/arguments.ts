/** From words on the command line to checked values: flag, else environment variable, else default. */
import { parseArgs } from 'node:util'
import { MeshError } from '@gradmesh/core'
import type { Command, Options, Values } from './command.ts'
import { nearest } from './nearest.ts'

/** Values of an option that may be repeated. */
const LIST_MAX = 64

/** What every command takes. */
export const COMMON: Options = {
  json: { type: 'boolean', help: 'the answer as JSON on standard output' },
  help: { type: 'boolean', short: 'h', help: 'this page' }
}

type Env = Readonly<Record<string, string | undefined>>

export const usage = (code: string, message: string, remedy: string): MeshError =>
  new MeshError(`USAGE_${code}`, message, { remedy })

/** @throws MeshError `USAGE_OPTION`, `USAGE_ARGUMENT`, `USAGE_VALUE` */
export const parseCommandLine = (
  command: Command,
  words: readonly string[],
  env: Env
): { values: Values; args: readonly string[] } => {
  const help = `see \`gradmesh ${command.name} --help\``
  const { values, positionals } = parsed(command, words, help)
  refuseEmpty(command.options, values)
  const wanted = command.args ?? []
  const missing = wanted.slice(positionals.length).find(({ required }) => required)
  if (missing !== undefined) throw usage('ARGUMENT', `${missing.name} is missing`, help)
  const extra = wanted.at(-1)?.many === true ? undefined : positionals[wanted.length]
  if (extra !== undefined) throw usage('ARGUMENT', `"${extra}" is one argument too many`, help)
  return { values: resolved(command.options, values, env), args: positionals }
}

type Raw = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>

const parsed = (
  command: Command,
  words: readonly string[],
  help: string
): { values: Raw; positionals: string[] } => {
  const options = Object.fromEntries(
    Object.entries({ ...command.options, ...COMMON }).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short === undefined ? {} : { short }), ...(multiple === undefined ? {} : { multiple }) }
    ])
  )
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true })
  } catch (cause) {
    // Node's message continues with advice that names its own API; the first sentence says what is wrong.
    const message = cause instanceof Error ? (cause.message.split(/\. |\n/)[0] ?? '') : String(cause)
    const [, dashed] = /^Option '(?:-\w, )?(--[\w-]+).*ambiguous/.exec(message) ?? []
    if (dashed !== undefined)
      throw usage(
        'OPTION',
        `${dashed} takes a value, and what follows it begins with a dash`,
        `if that is the value: ${dashed}=VALUE`
      )
    const [, unknown] = /^Unknown option '--([\w-]+)'/.exec(message) ?? []
    const near = unknown === undefined ? undefined : nearest(unknown, Object.keys(options))
    const remedy = near === undefined ? help : `did you mean --${near}? ${help}`
    throw usage('OPTION', message.charAt(0).toLowerCase() + message.slice(1), remedy)
  }
}

/** `--data "$DIR"` where DIR is not set would mean the folder that one happens to be in. */
const refuseEmpty = (options: Options, values: Raw): void => {
  for (const [name, value] of Object.entries(values))
    if ([value].flat().includes('') && options[name]?.mayBeEmpty !== true)
      throw usage('VALUE', `--${name} is given, but empty`, 'give it a value, or leave it out')
}

const resolved = (options: Options, raw: Raw, env: Env): Values => {
  const text = (name: string): string | undefined => {
    const given = raw[name]
    if (typeof given === 'string') return given
    const spec = options[name]
    const fromEnv = spec?.env === undefined ? undefined : env[spec.env]
    return fromEnv !== undefined && fromEnv !== '' ? fromEnv : spec?.default
  }
  const number = (
    name: string,
    { min, max }: { min: number; max: number },
    form: RegExp,
    what: string
  ): number | undefined => {
    const given = text(name)
    if (given === undefined) return undefined
    const value = Number(given)
    if (form.test(given) && value >= min && value <= max) return value
    const where =
      raw[name] === undefined && options[name]?.env !== undefined ? options[name].env : `--${name}`
    throw usage('VALUE', `${where} ${given}: ${what} from ${min} to ${max} is expected`, 'correct the value')
  }
  return {
    text,
    texts(name) {
      const given = raw[name]
      const lists = Array.isArray(given) ? given : [text(name)]
      const all = lists.flatMap(list => (list === undefined ? [] : String(list).split(',', LIST_MAX + 1)))
      if (all.length <= LIST_MAX) return all
      throw usage('VALUE', `--${name} names more than ${LIST_MAX}`, 'name fewer')
    },
    is(name) {
      if (raw[name] === true) return true
      const variable = options[name]?.env
      return variable !== undefined && ['1', 'true', 'yes'].includes(env[variable] ?? '')
    },
    integer: (name, bounds) => number(name, bounds, /^\d+$/, 'a whole number'),
    decimal: (name, bounds) => number(name, bounds, /^-?\d+(\.\d+)?$/, 'a number')
  }
}
