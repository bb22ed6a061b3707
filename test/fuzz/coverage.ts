/**
 * Which blocks of our own and of the codecs' code have run, by V8's precise coverage. A reading costs some ten
 * milliseconds, so inputs are read by the batch, and a batch that reached something new is halved until the
 * inputs that did it stand alone.
 */
import { Session } from 'node:inspector'

const WATCHED =
  /\/packages\/(wire|delta|ledger|api|net|cli|peer)\/src\/|\/(cborg|@ipld\/dag-cbor|multiformats)\//

interface Report {
  readonly result: readonly {
    readonly url: string
    readonly functions: readonly {
      readonly ranges: readonly {
        readonly startOffset: number
        readonly endOffset: number
        readonly count: number
      }[]
    }[]
  }[]
}

export class Coverage {
  readonly #session = new Session()
  readonly #seen = new Set<string>()

  constructor() {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  get blocks(): number {
    return this.#seen.size
  }

  /** Those of the inputs that ran a block that no input before them had run. */
  novel(inputs: readonly Uint8Array[], run: (input: Uint8Array) => void): Uint8Array[] {
    this.#read()
    for (const input of inputs) run(input)
    const fresh = this.#read().filter(block => !this.#seen.has(block))
    if (fresh.length === 0) return []
    if (inputs.length === 1) {
      for (const block of fresh) this.#seen.add(block)
      return [...inputs]
    }
    const middle = inputs.length >> 1
    return [...this.novel(inputs.slice(0, middle), run), ...this.novel(inputs.slice(middle), run)]
  }

  close(): void {
    this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  #read(): string[] {
    const blocks: string[] = []
    this.#session.post('Profiler.takePreciseCoverage', (error, report) => {
      if (error) throw error
      for (const { url, functions } of (report as unknown as Report).result) {
        if (!WATCHED.test(url)) continue
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges)
            if (count > 0) blocks.push(`${url}:${startOffset}-${endOffset}`)
        }
      }
    })
    return blocks
  }
}
