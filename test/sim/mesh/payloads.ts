/** The payloads behind every certified block can be had from somebody honest, now or at the latest in the end. */
import { fromHex, toHex } from '@gradmesh/core'
import { type Certificate, VoteKind } from '@gradmesh/wire'
import type { Life } from './life.ts'
import type { SimNode } from './node.ts'
import { violate } from './violation.ts'

export class Payloads {
  readonly #nodes: readonly SimNode[]
  /** Certified blocks, by id, whose payloads nobody honest was up to show. */
  readonly #owed = new Set<string>()

  constructor(nodes: readonly SimNode[]) {
    this.#nodes = nodes
  }

  certified({ slot, kind, blockId }: Certificate): void {
    if (kind !== VoteKind.NOTAR) return
    this.#owed.add(toHex(blockId))
    const honest = this.#nodes.filter(({ machine }) => machine.honest)
    const final = Math.max(0, ...honest.map(({ life }) => life?.peer.ledger?.final.slot ?? 0))
    // Somebody honest voted for it, and no vote goes before its payloads. What damage took is owed until the end.
    if (slot <= final || honest.some(({ damaged, disk }) => damaged || disk.keepsBlock(blockId))) return
    violate(`no honest disk holds the block with a NOTAR certificate in slot ${slot}`)
  }

  async settle(): Promise<void> {
    for (const id of this.#owed) if (await this.#isHeld(id)) this.#owed.delete(id)
  }

  /** @throws Violation when a block that somebody honest goes on from is still owed. */
  async settleAll(): Promise<void> {
    await this.settle()
    for (const id of this.#owed)
      if (this.#isWanted(id))
        violate(`nobody honest holds the certified block ${id.slice(0, 8)} with its payloads`)
  }

  async #isHeld(id: string): Promise<boolean> {
    for (const { life, machine } of this.#nodes) {
      if (!machine.honest || !life?.alive || !life.peer.ledger) continue
      const isHeld = await holds(life, id).catch(error => {
        if (!life.node.damaged) throw error
        return false
      })
      if (isHeld) return true
    }
    return false
  }

  #isWanted(id: string): boolean {
    return this.#nodes.some(
      ({ life, machine }) => machine.honest && life?.peer.ledger?.block(id) !== undefined
    )
  }
}

const holds = async ({ peer }: Life, id: string): Promise<boolean> => {
  const { chain } = peer.context
  const block = peer.ledger!.block(id) ?? (await chain.block(fromHex(id)!))
  if (block === undefined) return false
  for (const { digest } of block.body.deltas) {
    if ((await chain.deltaPlace(digest)) === undefined) return false
  }
  return true
}
