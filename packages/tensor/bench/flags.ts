/** Flags of the benches: a wrong one ends the program with a line that says what is right, not with an empty result. */
import { type ParseArgsConfig, parseArgs } from 'node:util'

/** Exit code 2: the command line is wrong. */
export const refuse = (why: string, code = 2): never => {
  console.error(why)
  process.exit(code)
}

export const readFlags = <const O extends NonNullable<ParseArgsConfig['options']>>(
  options: O,
  allowPositionals = false
) => {
  try {
    return parseArgs({ options, allowPositionals })
  } catch (error) {
    const names = Object.keys(options).map(name => `--${name}`)
    return refuse(`${(error as Error).message}\nflags: ${names.join(', ')}`)
  }
}

/** A number of at least 1. */
export const countOf = (name: string, text: string): number => {
  const value = Number(text)
  return value >= 1 ? value : refuse(`${name} needs a number of at least 1, not "${text}"`)
}
