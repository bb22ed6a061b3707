/** Simulated time for very many events: one bucket a millisecond, each in the order of its arrivals. */
export class Calendar {
  readonly #buckets = new Map<number, (() => void)[]>()
  #nowMs = 0
  #lastMs = 0

  get nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, run: () => void): void {
    const atMs = this.#nowMs + Math.max(1, Math.ceil(delayMs))
    const bucket = this.#buckets.get(atMs)
    if (bucket === undefined) this.#buckets.set(atMs, [run])
    else bucket.push(run)
    this.#lastMs = Math.max(this.#lastMs, atMs)
  }

  /** Runs all of the next millisecond in which anything happens; without any, time stands. */
  step(): void {
    if (this.#nowMs >= this.#lastMs) return
    do this.#nowMs++
    while (!this.#buckets.has(this.#nowMs))
    const due = this.#buckets.get(this.#nowMs)!
    this.#buckets.delete(this.#nowMs)
    for (const run of due) run()
  }
}
