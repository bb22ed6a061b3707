/** Runs asynchronous tasks strictly one after another, in the order of the calls. */
export class Serial {
  #tail: Promise<unknown> = Promise.resolve()

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task)
    this.#tail = result.catch(() => {})
    return result
  }

  /** Resolves when everything asked for so far has been done. */
  async idle(): Promise<void> {
    await this.#tail
  }
}
