/** A task's options: reading them, and naming what is wrong so that a founder or a plug-in's author finds it. */
import { fromHex, MeshError } from '@gradmesh/core'
import type { TaskOptions } from '../types.ts'

export const badOption = (task: string, option: string, what: string): MeshError =>
  new MeshError('TASK_OPTIONS', `task "${task}", option "${option}": ${what}`, {
    remedy: 'correct it at `gradmesh init --option KEY=VALUE`; a peer that joins takes it from the genesis',
    data: { task, option }
  })

/** For tasks without any. Code: `TASK_OPTIONS`. */
export const noOptions = (task: string, options: TaskOptions): void => {
  new OptionReader(task, options).end()
}

/** Reads options one by one and knows which were read. All throw `TASK_OPTIONS`. */
export class OptionReader {
  readonly #task: string
  readonly #options: TaskOptions
  readonly #read = new Set<string>()

  constructor(task: string, options: TaskOptions) {
    this.#task = task
    this.#options = options
  }

  whole(
    name: string,
    { least, most, otherwise }: { least: number; most: number; otherwise?: number }
  ): number {
    const value = this.#take(name) ?? otherwise
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
    throw badOption(
      this.#task,
      name,
      `a whole number from ${least} to ${most} wanted, found "${value ?? ''}"`
    )
  }

  /** `otherwise` may be empty; an empty text stands for it. */
  text(name: string, otherwise?: string): string {
    const value = this.#take(name)
    if (otherwise !== undefined && (value === undefined || value === '')) return otherwise
    if (value !== undefined && String(value) !== '') return String(value)
    throw badOption(this.#task, name, 'a text wanted')
  }

  /** Words parted by spaces. */
  words(name: string): readonly string[] {
    return this.text(name).split(' ')
  }

  oneOf<Known extends string>(name: string, known: readonly Known[], otherwise: Known): Known {
    const value = this.text(name, otherwise)
    const found = known.find(word => word === value)
    if (found !== undefined) return found
    throw badOption(this.#task, name, `one of ${known.join(', ')} wanted, found "${value}"`)
  }

  /** What a data file is known by: 64 hexadecimal digits. */
  root(name: string): Uint8Array {
    const root = fromHex(this.text(name))
    if (root?.length === 32) return root
    throw badOption(this.#task, name, 'the 64 hexadecimal digits of a data file wanted')
  }

  /** Every option must have been read. */
  end(): void {
    const unknown = Object.keys(this.#options).find(name => !this.#read.has(name))
    if (unknown !== undefined)
      throw badOption(
        this.#task,
        unknown,
        this.#read.size === 0
          ? 'this task has no options'
          : `not known; there are ${[...this.#read].join(', ')}`
      )
  }

  #take(name: string): number | string | undefined {
    this.#read.add(name)
    return this.#options[name]
  }
}
