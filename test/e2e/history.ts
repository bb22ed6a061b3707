/**
 * What peers called final, height by height, as anybody could read it over HTTP. Final means for ever:
 * whoever names another block or another root at a height that was told before has broken the promise.
 */
import type { Client } from '@gradmesh/api'

interface Told {
  readonly id: string
  /** Root of the state that the block builds on. */
  readonly root: string
  readonly by: string
}

const AT_ONCE = 8

export class History {
  readonly #told = new Map<number, Told>()
  /** Contradictions in words; empty as long as the promise holds. */
  readonly broken: string[] = []

  get height(): number {
    return this.#told.size
  }

  /** Reads the blocks from `from` to the peer's head, and answers how many it told. */
  async read(name: string, client: Client, from: number, to: number): Promise<number> {
    const heights = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i).values()
    let read = 0
    const reader = async (): Promise<void> => {
      for (const height of heights) {
        const { id, parentStateRoot } = await client.block({ height })
        this.#note(height, { id, root: parentStateRoot, by: name })
        read++
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, reader))
    return read
  }

  #note(height: number, told: Told): void {
    const before = this.#told.get(height)
    if (before === undefined) this.#told.set(height, told)
    else if (before.id !== told.id || before.root !== told.root) {
      this.broken.push(
        `height ${height}: ${before.by} said ${before.id} on ${before.root}, ${told.by} says ${told.id} on ${told.root}`
      )
    }
  }
}
