import type { Database, Operation } from '../database.ts'

/** Many small deletions in few batches; those that are added together stay together. */
export class Batches {
  readonly #database: Database
  #operations: Operation[] = []

  constructor(database: Database) {
    this.#database = database
  }

  async add(operations: readonly Operation[]): Promise<void> {
    this.#operations.push(...operations)
    if (this.#operations.length >= 256) await this.end()
  }

  async end(): Promise<void> {
    if (this.#operations.length > 0) await this.#database.batch(this.#operations, { sync: false })
    this.#operations = []
  }
}
