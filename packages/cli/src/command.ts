/** What a command is: one table entry from which parsing, validation and its help follow. */
import type { Io } from './io.ts'

export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  readonly help: string
  /** How its value is called in the help, such as DIR. */
  readonly value?: string
  readonly short?: string
  /** All that it may be. */
  readonly choices?: readonly string[]
  readonly multiple?: boolean
  /** An empty text is a value of it, too. */
  readonly mayBeEmpty?: boolean
  /** Environment variable that stands in when the flag is absent. */
  readonly env?: string
  /** Shown in the help, and taken when neither flag nor variable is given. */
  readonly default?: string
}

export type Options = Readonly<Record<string, OptionSpec>>

export interface Argument {
  readonly name: string
  readonly required: boolean
  /** The last argument may come again and again. */
  readonly many?: boolean
}

/** Values of options by name, resolved: flag, else environment, else default. */
export interface Values {
  text(name: string): string | undefined
  texts(name: string): readonly string[]
  is(name: string): boolean
  /** @throws MeshError `USAGE_VALUE` unless it is an integer within the bounds. */
  integer(name: string, bounds: { min: number; max: number }): number | undefined
  /** @throws MeshError `USAGE_VALUE` unless it is a decimal number within the bounds. */
  decimal(name: string, bounds: { min: number; max: number }): number | undefined
}

export interface Invocation {
  readonly values: Values
  readonly args: readonly string[]
  readonly io: Io
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface Command {
  readonly name: string
  /** More than the summary says, for its own help. */
  readonly about?: string
  readonly args?: readonly Argument[]
  readonly options: Options
  readonly examples: readonly string[]
  /** @returns the exit code. */
  run(invocation: Invocation): Promise<number>
}

/** Loads the command's module only when it is used, so that a small command starts at once. */
export interface CommandEntry {
  readonly name: string
  /** One line for the overview. */
  readonly summary: string
  /** Commands that follow each other and have the same share a line of the overview, which then says this. */
  readonly group?: string
  load(): Promise<Command>
}
